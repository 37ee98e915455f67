// The explanation on a buffer and on the bus: one GstStructure named "tubecam", in a custom GstMeta
// and in an element message.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <string>

#include "bundle/bundle.h"
#include "clip/frame/frame.h"
#include "explain/explainer.h"
#include "explain/marks.h"

namespace tubecam {

// clang-format off
// Note [Fields]
// Every field is a plain int, double, string, boolean, unsigned 64-bit number, or a GBytes of
// little-endian numbers, so that any language reads them without this header: in Python,
// buffer.get_custom_meta("tubecam").get_structure(), then get_value(name). Arrays are row-major.
// Times are ns on the clock of buffer timestamps. "clip pixels" are those of the model's input;
// "relative" is 0…1 across the frame's width or height, so that it stays true when the frame is
// scaled.
//
//   valid           boolean  false: NaN or infinity was met; the tube is zero
//   problem         string   where, when not valid
//   bundle          string   the bundle's name
//   window          uint64   counts the windows of a stream from 0
//   window-pts      GBytes   int64 [T], presentation times of the window's slices
//   label           string   the predicted class, and
//   label-index     int      its number, and
//   score           double   what the model says of it: see `scores`
//   head            string   how scores follow from logits: softmax (one of the classes), sigmoid
//                            (each by itself) or scores (the logits themselves, no probability)
//   scores          GBytes   float32 [K] of all classes; none where a logit is not finite
//   also            string   of a sigmoid head, the other labels above one half ("b 61 %, c 55 %");
//                            missing where there is none
//   target          string   the explained class, and
//   target-index    int      its number
//   logits          GBytes   float32 [K]
//   tube            GBytes   float32 [t, h, w], relevance in the receipt's unit
//   tube-t, -h, -w                int      its shape
//   stride-t, -y, -x              double   cell i is centred on offset + stride·i: slices,
//   offset-t, -y, -x              double   clip pixels, clip pixels
//   field-t, -y, -x               double   the same of what a cell can depend on, its receptive
//                            field; missing where the bundle lacks it
//   pathways        int      of a model with several explained layers: how many; then, for each
//                            i from 0, the tube above being the one that joins them:
//   pathway-i-name, pathway-i-layer      string
//   pathway-i-of-flow                    boolean  it sees the optical flow, not the picture
//   pathway-i-tube, -t, -h, -w, -stride-t … -offset-x      as above
//   pathway-i-relevance-sum, -share      double   the sum before ReLU, and per cent of the
//                            decision, NaN where pathways cancel
//   motion          GBytes   float32 [t, h, w], 0…1: how much of each cell's relevance is motion;
//                            missing where the method lacks it
//   motion-share    double   the same of the decision, 0…1; NaN where nothing is relevant, and
//   motion-by       string   how it was found: split, split-exact or selective (motion.h),
//                            or flow (explain/methods/pathways.h)
//   clip-length, -height, -width  int      T, H, W
//   sample-fps      double   slices a second that were taken; 0: unknown, and
//   stated-fps      double   what the bundle states
//   padding         string   what the last slices are where the video was too short for a window:
//                            last (its last frame) or loop (it plays again, and window-pts go on
//                            beyond its end); else none
//   padded          int      how many slices these are
//   crop-x, -y, -width, -height   double   relative: where in the frame the model looked
//   curve           GBytes   float32 [T], the tube's sum over space at each slice
//   peak-value      double   in the receipt's unit
//   peak-slice, peak-y, peak-x    double   its place: slice, clip pixels, clip pixels
//   peak-frame-y, peak-frame-x    double   the same, relative
//   peak-pts        uint64   the same in time
//   threshold       double   of the tube's maximum: what counts as a box
//   boxes           GBytes   float32 [n, 5]: x, y, width, height (relative), greatest relevance
//   method, layer, engine, precision                      string   the receipt, and
//   unit            string   of relevance, "logit" (bundle/method_table.h), and
//   relevance-sum, logit, export-error, conservation      double   NaN where it means nothing, and
//   baseline-logit  double   of the clip that relevance is relative to; NaN: there is none
//   passes          int      through the engine
//   class-specific  boolean  false: the export found that the method ignores the class; missing
//                            where its check was inconclusive
//   map-correlation double   of a quantised graph's maps with float32's; NaN: it is not quantised
//   drifts          boolean  they differ too much, and the export was forced
//   downgraded-from string   the method asked for where the budget did not pay it; else missing
//   fell-back-from  string   the device asked for and what failed there, where the CPU took over;
//                            else missing
//   marks           int      what speaks against believing it (explain/marks.h): how many; then,
//                            for each i from 0,
//   mark-i-key, mark-i-text              string   a stable name, and words for people
//   signal          GBytes   float32 [n], what became final by this window of the stream's
//                            relevance over time, fused from all overlapping windows, and
//   signal-pts      GBytes   int64 [n], its times
//   preprocess-ms, engine-ms, explain-ms                  double
//
// On a buffer besides:
//   timestamp       uint64   the frame's time
//   slice           double   the same within the window, 0 … T−1 (clamped)
//   inside          boolean  whether the frame's time lies in the window; false for newer frames
//                            with align=latest
//   frame-width, frame-height     int      of the picture that "relative" speaks of, pixels
// and `boxes` are those at this frame's own time. When the picture is changed behind tubecam,
// fields follow it, or the meta is left behind: Note [Following] in meta_transform.h.
//
// On the bus besides, about the window (as of the `level` element):
//   timestamp, stream-time, running-time, duration   uint64
//   dropped-windows uint64   so far
// and `boxes` are those at the peak's time.
// clang-format on

constexpr char kMetaName[] = "tubecam";

// Registers the custom meta; harmless when repeated. Its tags state that it depends on the
// picture's size and orientation, and it can follow (meta_transform.h).
void register_meta();

GstStructure* add_meta(GstBuffer* buffer);  // an empty one; its fields, which belong to the buffer

// The fields that buffer and message share. The caller owns the structure.
GstStructure* describe(const Explanation& explanation, const Bundle& bundle, float threshold);

// Puts `fields` and what concerns this frame onto a writable buffer, in place of an older
// explanation, and its boxes as GStreamer's own metadata (regions.h).
struct FrameFacts {
  int64_t pts = 0;
  int width = 0, height = 0;  // pixels
  float threshold = 0.5f;
};
void attach(GstBuffer* buffer, const GstStructure* fields, const Explanation& explanation,
            const ClipSpec& spec, const FrameFacts& facts);

// What the overlay needs of a buffer's meta. Pointers live as long as the meta.
struct Annotation {
  bool valid = false;
  const char *problem = "", *label = "", *target = "", *method = "", *also = "";
  const char *motion_by = "", *unit = "logit";
  double score = 0;
  HeadKind head = HeadKind::kSoftmax;
  std::vector<Mark> marks;
  TubeView tube;
  const float* motion = nullptr;         // [t, h, w], 0…1; nullptr: unknown
  double motion_share = 0;               // 0…1, NaN: unknown
  double logit = 0, baseline_logit = 0;  // NaN: there is none
  uint64_t window = 0;
  const int64_t* window_pts = nullptr;  // [clip_length]
  int clip_length = 0, clip_height = 0, clip_width = 0;
  int padded = 0;                         // slices at the end that fill up a short video
  int frame_width = 0, frame_height = 0;  // of the picture that it is of; 0: not stated
  Box crop;                               // relative
  const float* curve = nullptr;           // [clip_length]
  double slice = 0;
  int64_t pts = 0;

  // Whether `motion` is what pathways of the optical flow found.
  bool of_flow() const { return motion_by == std::string("flow"); }
};

// False when the buffer has no such meta. Throws kUsage for one whose fields are missing or
// contradict each other.
bool read_annotation(GstBuffer* buffer, Annotation* annotation);

}  // namespace tubecam
