// A frame in device memory, filled from one in system memory. Part of libtubecam_cuda.so.
#pragma once

#include "base/cuda/cuda.h"
#include "base/export.h"
#include "clip/frame/frame.h"

namespace tubecam {

class TUBECAM_API DeviceFrame {
 public:
  // Copies the host's frame and returns the device's: same format and size, strides a multiple of
  // 256 bytes. Allocates only when it needs more memory than before. The host's planes may be
  // reused once the stream has come so far; from page-locked memory the copy overlaps with the
  // device's work.
  const Frame& upload(const Frame& host, StreamHandle stream);
  // The frame itself when it lies on a device, and `stream` then waits for its pixels; else
  // upload(). Followed by release() once the work on the frame is in the stream: see Note [Frames
  // on a device].
  const Frame& bring(const Frame& frame, StreamHandle stream);
  void release(const Frame& frame, StreamHandle stream);
  // Copies back into the host's planes, which must be like those of upload().
  void download(const Frame& host, StreamHandle stream) const;
  const Frame& frame() const { return frame_; }
  // Memory for a frame like this one, with nothing in it yet: its planes one after the other.
  const Frame& make_room(const Frame& like);

 private:
  DeviceBuffer memory_;
  Frame frame_;
  CudaEvent written_, used_;
};

// The same for a stream of frames: bring() takes frames from pageable memory through page-locked
// one. The host copies them there; the copy to the device then overlaps with what the device does,
// and the frame's planes may be reused at once. Allocates only for a frame larger than those
// before. Waits only where two frames before this one are still on their way.
class TUBECAM_API StagedFrame {
 public:
  const Frame& bring(const Frame& frame, StreamHandle stream);
  void release(const Frame& frame, StreamHandle stream) { there_.release(frame, stream); }

 private:
  struct Stage {
    PinnedBuffer memory;
    CudaEvent uploaded;
  };

  Stage stages_[2];
  int next_ = 0;
  DeviceFrame there_;
};

}  // namespace tubecam
