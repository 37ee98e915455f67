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
  // Copies back into the host's planes, which must be like those of upload().
  void download(const Frame& host, StreamHandle stream) const;
  const Frame& frame() const { return frame_; }

 private:
  DeviceBuffer memory_;
  Frame frame_;
};

}  // namespace tubecam
