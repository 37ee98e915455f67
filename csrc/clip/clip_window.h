// Windows by presentation time: a ring of sampled frames, each preprocessed once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/export.h"
#include "bundle/clip_spec.h"
#include "clip/frame/frame.h"
#include "clip/frame_ring.h"
#include "clip/sampling.h"

namespace tubecam {

// A clip's place in a stream.
struct TUBECAM_API Window {
  std::vector<int64_t> pts;  // [T] presentation times, ns, increasing or equal
  Rect source;               // the model's crop, frame pixels
  int frame_width = 0;
  int frame_height = 0;
  uint64_t sequence = 0;  // counts the windows of a ClipWindow from 0
  uint64_t segment = 0;   // counts how often it started over, for any reason

  Sampling sampling;

  Rect relative_source() const;  // 0…1 across the frame
  // Different frames in it: fewer than T where the source is slower than the model samples.
  int frames() const;
  // Whether they are clearly fewer than those that are no padding: under four fifths.
  bool is_sparse() const;
  // The times of sampled frames that play a short video again (Padding::kLoop) go on beyond its
  // end; folded() gives the time at which the picture was really shown.
  int64_t folded(int64_t time) const;

 private:
  size_t own_frames() const;  // those that are no padding
};

// ns without a frame that end a window: max_gap, in seconds, or two slots where these are longer.
// Throws kUsage for max_gap outside 0…60.
TUBECAM_API int64_t gap_limit(const ClipSpec& spec, double max_gap = 1.0);

// Note [Sampling]
// Slots lie on a grid: slot k at base + k/sample_fps, rounded to nanoseconds, base being the first
// frame after a reset. The grid never drifts and never follows jitter.
// A frame takes every free slot up to its own time plus half the interval since the frame before
// it, at most half a slot. With a steady frame rate this is the nearest frame; timestamps may
// jitter by an eighth of the frame interval without changing which frame is taken. So a fast video
// has frames that no slot wants, which cost nothing, and a slow one fills several slots with the
// same frame.
// A window is complete when T slots in a row are filled, and again every `hop` slots; it is the
// newest T slots and never part-filled. A frame that fills several slots completes one window.
// A frame that repeats the newest time, or is late by up to a slot, is ignored. The ring starts
// over, and counts a reset, when time steps back by more than a slot, when no frame came for more
// than `max_gap` (and two slots), and when the frame's size, format or colour changes.
class TUBECAM_API ClipWindow {
 public:
  // hop: slots between windows, 1…T. max_gap: seconds without a frame that end a window, up to 60.
  // device: where the sampled frames lie (frame_ring.h). Throws kUsage naming what is out of range,
  // and what make_frame_ring() throws.
  ClipWindow(const ClipSpec& spec, int hop, double max_gap = 1.0, Device device = {});

  // Takes a frame. True when a window is complete: window() and copy_to() then describe it until
  // the next push. Throws kUsage for a frame that check_frame() refuses or that lies on another GPU
  // than T, and for pts (ns) outside 0…2^62, such as a missing time; the ring is
  // then as before. Throws kDevice when a GPU fails.
  bool push(const Frame& frame, int64_t pts);

  // For a video that has ended: where slots were filled, but no window was complete since the last
  // reset, copies fill the rest of one. True when that is so; the next push starts over.
  bool pad(Padding padding);
  // Another rate than the spec's, for windows that span a whole video, with a gap limit to suit.
  // Starts over.
  void sample_at(double fps, double max_gap);

  const Window& window() const { return window_; }
  ClipBuffer make_clip() { return ring_->make_clip(); }
  void copy_to(const TensorView& clip) const;  // into what make_clip() gave; see frame_ring.h
  void copy_to(float* clip) const;             // [T, 3, H, W] float32 in system memory
  void reset();                                // for a seek or a new stream; not counted
  void set_hop(int hop);
  int slots_missing() const;  // until the first window: "video shorter than one window"
  uint64_t resets() const { return resets_; }  // discontinuities seen since construction
  const ClipSpec& spec() const { return spec_; }
  Device device() const { return device_; }
  // Sampled frames lie there from now on. The ring starts over, and counts a reset if it was not
  // empty.
  void move_to(Device device);

 private:
  int64_t slot_pts(int64_t slot) const;
  int64_t period() const;  // ns that the filled slots take
  bool continues(const Frame& frame, int64_t pts) const;
  int64_t slots_due(int64_t pts) const;
  void fill(const Frame& frame, int64_t pts, int64_t end);
  bool complete_window();

  ClipSpec spec_;
  const double stated_fps_;
  Device device_;
  std::unique_ptr<FrameRing> ring_;
  int hop_ = 1;
  int64_t max_gap_ = 0;  // ns
  Window window_;
  uint64_t windows_ = 0;
  uint64_t resets_ = 0;
  std::vector<int64_t> times_;  // [T], slot k at k mod T
  int64_t filled_ = 0;          // slots since the base
  int64_t due_ = 0;             // filled_ at which the next window is complete
  int64_t base_ = 0;
  int64_t newest_ = -1;  // pts of the newest frame, −1 = none
  Frame last_;           // size, format and colour of the newest frame
};

}  // namespace tubecam
