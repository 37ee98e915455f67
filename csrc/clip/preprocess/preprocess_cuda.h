// CUDA implementation of `preprocess`: a frame in device memory → a sampled frame in the engine's
// precision. Part of libtubecam_cuda.so.
#pragma once

#include <cstdint>
#include <vector>

#include "base/cuda/cuda.h"
#include "base/export.h"
#include "base/tensor.h"
#include "bundle/clip_spec.h"
#include "clip/frame/frame.h"

namespace tubecam {

// The contract of preprocess.h; within 2e-6 of its definition in float32 (of 1/std).
class TUBECAM_API CudaPreprocessor {
 public:
  // Throws kUsage. Belongs to the calling thread's device.
  explicit CudaPreprocessor(const ClipSpec& spec);

  // One launch. frame: planes in device memory, any alignment. sampled: [3, H, W] of `dtype`
  // (float32, float16, bfloat16) in device memory, such as a slot of a T-major ring. Allocates, and
  // waits for the stream, only for the first frame of a size, format or source rectangle.
  void run(const Frame& frame, const Rect& source, void* sampled, DType dtype, StreamHandle stream);

 private:
  void prepare(const Frame& frame, const Rect& source, StreamHandle stream);

  ClipSpec spec_;
  DeviceBuffer spans_;  // [planes] of rows [H], columns [W]
  Frame made_for_;
  Rect source_;
};

// clip = the ring's slots in the order of time: slot (*oldest + k) mod length becomes sampled frame
// k. One launch; `oldest` is read on the device, so that a captured graph serves every window.
// ring, clip: [length, frame_bytes] in device memory, 16-byte aligned; frame_bytes a multiple of 2.
TUBECAM_API void unroll_ring(const void* ring, size_t frame_bytes, int length,
                             const int32_t* oldest, void* clip, StreamHandle stream);

}  // namespace tubecam
