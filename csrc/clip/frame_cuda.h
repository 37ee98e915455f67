// A frame in device memory, filled from one in system memory. Part of libtubecam_cuda.so.
#pragma once

#include "base/cuda.h"
#include "clip/frame.h"

namespace tubecam {

class DeviceFrame {
 public:
  // Copies the host's frame and returns the device's: same format and size, strides a multiple of
  // 256 bytes. Allocates only when it needs more memory than before. The host's planes may be
  // reused once the stream has come so far; from page-locked memory the copy overlaps with the
  // device's work.
  const Frame& upload(const Frame& host, StreamHandle stream);
  // The frame itself when it lies on a device, and `stream` then waits for its pixels; else
  // upload(). Followed by release() once the work on the frame is in the stream: see Note [Frames on
  // a device].
  const Frame& bring(const Frame& frame, StreamHandle stream);
  void release(const Frame& frame, StreamHandle stream);
  // Copies back into the host's planes, which must be like those of upload().
  void download(const Frame& host, StreamHandle stream) const;
  const Frame& frame() const { return frame_; }

 private:
  DeviceBuffer memory_;
  Frame frame_;
  CudaEvent written_, used_;
};

}  // namespace tubecam
