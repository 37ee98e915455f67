// Where a window's sampled frames lie: a ring in system memory or on a GPU.
#pragma once

#include <cstdint>
#include <memory>

#include "base/export.h"
#include "base/tensor.h"
#include "bundle/clip_spec.h"
#include "clip/frame/frame.h"

namespace tubecam {

// Memory for one clip, where its ring's sampled frames lie.
struct ClipBuffer {
  TensorView view;              // [1, T, 3, H, W] float32; on a GPU with an event, view.ready
  std::shared_ptr<void> owner;  // of the memory and the event
};

// Slot k lies at k mod T. A ring knows nothing of time: ClipWindow decides what goes where.
//
// On a GPU a frame in system memory goes through page-locked memory to the device, and one that
// lies there is read where it lies; both are preprocessed on a stream of the ring's own, beside the
// inference of windows before. Neither call waits for the device, nor allocates once a frame of
// this size has come and a clip has been made. Belongs to one thread at a time.
class FrameRing {
 public:
  virtual ~FrameRing() = default;
  // Preprocesses the frame into slot `first`, and copies that to the slots after it, up to `end`.
  // Throws what preprocess() throws, and kDevice.
  virtual void fill(const Frame& frame, const Rect& source, int64_t first, int64_t end) = 0;
  virtual void copy(int64_t from, int64_t to) = 0;  // one slot into another
  virtual ClipBuffer make_clip() = 0;
  // Slots oldest … oldest + T − 1 in this order into a clip that make_clip() gave. On a GPU it is
  // there once clip.ready is reached; all reads of its former contents must be done by now.
  virtual void copy_to(int64_t oldest, const TensorView& clip) = 0;
  // The same into system memory, [T, 3, H, W]; waits.
  virtual void copy_to(int64_t oldest, float* clip) = 0;
};

// Throws kUnavailable where kernels for the device cannot run, kDevice when memory is short.
std::unique_ptr<FrameRing> make_frame_ring(const ClipSpec& spec, Device device);

TUBECAM_API Shape clip_shape(const ClipSpec& spec);  // [1, T, 3, H, W]

}  // namespace tubecam
