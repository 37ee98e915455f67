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

// Note [Fields]
// Every field is a plain int, double, string, boolean, unsigned 64-bit number, or a GBytes of
// little-endian numbers, so that any language reads them without this header: in Python,
// buffer.get_custom_meta("tubecam").get_structure(), then get_value(name). Arrays are row-major.
// Times are ns on the clock of buffer timestamps. "clip pixels" are those of the model's input;
// "relative" is 0…1 across the frame's width or height, so that it stays true when the frame is
// scaled.
// Names, types and meanings are listed in explain/explanation_fields.h and
// explain/receipt/receipt.h; `python -m tubecam.windows.fields` prints them.
//
// On a buffer besides:
//   timestamp       uint64   the frame's time
//   slice           double   the same within the window, 0 … T−1 (clamped)
//   inside          boolean  whether the frame's time lies in the window; false for newer frames
//                            with align=latest
// and `boxes` are those at this frame's own time, by the threshold of now. When the picture is
// changed behind tubecam, fields follow it, or the meta is left behind: Note [Following] in
// meta_transform.h.
//
// On the bus besides, about the window (as of the `level` element):
//   timestamp, stream-time, running-time, duration   uint64
//   dropped-windows uint64   so far
// and `boxes` are those at the peak's time.

constexpr char kMetaName[] = "tubecam";

// Registers the custom meta; harmless when repeated. Its tags state that it depends on the
// picture's size and orientation, and it can follow (meta_transform.h).
void register_meta();

GstStructure* add_meta(GstBuffer* buffer);  // an empty one; its fields, which belong to the buffer

// The fields that buffer and message share. The caller owns the structure.
GstStructure* describe(const Explanation& explanation);

// Puts `fields` and what concerns this frame onto a writable buffer, in place of an older
// explanation, and its boxes as GStreamer's own metadata (regions.h).
struct FrameFacts {
  int64_t pts = 0;
  int width = 0, height = 0;  // pixels
  float threshold = 0.5f;
};
void attach(GstBuffer* buffer, const GstStructure* fields, const Explanation& explanation,
            const FrameFacts& facts);

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
  int clip_length = 0, clip_height = 0, clip_width = 0;
  int frame_width = 0, frame_height = 0;  // of the picture that it is of; 0: not stated
  Box crop;                               // relative
  const float* curve = nullptr;           // [clip_length], fused where that is given
  double slice = 0;
  int64_t pts = 0;

  // Whether `motion` is what pathways of the optical flow found.
  bool of_flow() const { return motion_by == std::string("flow"); }
};

// False when the buffer has no such meta. Throws kUsage for one whose fields are missing or
// contradict each other.
bool read_annotation(GstBuffer* buffer, Annotation* annotation);

}  // namespace tubecam
