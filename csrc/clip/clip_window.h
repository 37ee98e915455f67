// Windows by presentation time: a ring of slices, each preprocessed once.
#pragma once

#include <cstdint>
#include <vector>

#include "clip/clip_spec.h"
#include "clip/frame.h"

namespace tubecam {

// A clip's place in a stream.
struct Window {
  std::vector<int64_t> pts;  // [T] presentation times of the slices, ns, increasing or equal
  Rect source;               // the model's crop, frame pixels
  int frame_width = 0;
  int frame_height = 0;
  uint64_t sequence = 0;     // counts windows of a stream from 0
};

// Note [Sampling]
// Slots lie on a grid of 1/sample_fps from the first frame after a reset. A slot takes the first frame that arrives at or
// after it (half a nanosecond-rounded frame of tolerance for jitter); a slow video fills several slots with the same frame,
// a fast one has frames that no slot wants: these cost nothing. A window is complete when T consecutive slots are filled,
// and again every `hop` slots. It is never part-filled.
// A frame whose time runs backwards, repeats by more than a grid step, or leaves a gap of more than `max_gap` resets the
// ring, as does a change of frame size or format.
class ClipWindow {
 public:
  // hop: slots between windows, 1…T. max_gap: seconds without a frame that end a window.
  ClipWindow(const ClipSpec& spec, int hop, double max_gap = 1.0);

  // Takes a frame. True when a window is complete: window() and copy_to() then describe it until the next push.
  bool push(const Frame& frame, int64_t pts);

  const Window& window() const { return window_; }
  void copy_to(float* clip) const;  // [T, 3, H, W] float32
  void reset();
  void set_hop(int hop);
  int slots_missing() const;     // until the first window: "video shorter than one window"
  uint64_t resets() const;       // discontinuities seen since construction
  const ClipSpec& spec() const { return spec_; }

 private:
  ClipSpec spec_;
  Window window_;
  // (implementation's members follow)
};

}  // namespace tubecam
