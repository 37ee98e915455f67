// What a method needs to know of a clip that lies on a GPU, and the clip itself in system memory.
#pragma once

#include <memory>

#include "base/tensor.h"

namespace tubecam {

// For one clip at a time. Allocates for the first one only.
class ClipReader {
 public:
  virtual ~ClipReader() = default;
  // Starts the search for NaN and infinity, and waits for nothing. Returns the same clip, ready
  // once it has been searched: after waiting for that, finite() does not wait again.
  virtual TensorView check_finite_async(const TensorView& clip) = 0;
  virtual bool finite() = 0;
  // The clip's float32 values in page-locked memory, until the next call. Waits.
  virtual const float* download(const TensorView& clip) = 0;
};

// Throws kUnavailable where kernels for the device cannot run, kDevice when it fails.
std::unique_ptr<ClipReader> make_clip_reader(Device device);

}  // namespace tubecam
