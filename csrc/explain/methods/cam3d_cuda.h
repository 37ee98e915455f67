// CUDA implementation of `cam3d`: one launch from the engine's tensors to the tube with its
// statistics and its temporal curve, all in device memory. Part of libtubecam_cuda.so.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cuda/cuda.h"
#include "base/export.h"
#include "base/tensor.h"
#include "explain/methods/cam3d.h"

namespace tubecam {

// What a launch explains. All N clips of a batch share it.
struct CamJob {
  CamMethod method = CamMethod::kGradCam;
  int batch = 1, channels = 0, t = 0, h = 0, w = 0;
  int curve_length = 0;                     // T, sampled frames; 0 = no curve
  double time_stride = 1, time_offset = 0;  // of the layer, sampled frames (tube.h)
};

// Device memory; element alignment suffices, alignment to four elements (and t·h·w a multiple of
// four) allows whole loads.
struct CamTensors {
  const void* activation = nullptr;  // [N, C, t, h, w] of `dtype`
  const void* gradient = nullptr;    // the same, or
  const void* weight = nullptr;      // [N, C] of `weight_dtype`
  DType dtype = DType::kFloat32;     // float32, float16 or bfloat16
  DType weight_dtype = DType::kFloat32;
};

// One clip's result, packed so that one small copy brings it to the host: this head, then curve
// [curve_length] float32, then tube [t, h, w] float32. Not finite: curve and tube are zero.
struct CamResultHead {
  double sum;      // of the relevance before ReLU
  float min, max;  // of the tube
  int32_t peak;    // flat index of the first maximum
  int32_t finite;  // 0 or 1
  int32_t unused[2];
};
static_assert(sizeof(CamResultHead) == 32, "the curve follows it");

inline size_t cam_result_bytes(const CamJob& job) {  // of one clip; a multiple of 16
  const size_t floats = size_t(job.curve_length) + size_t(job.t) * job.h * job.w;
  return (sizeof(CamResultHead) + floats * sizeof(float) + 15) / 16 * 16;
}
inline const CamResultHead& cam_result_head(const void* result) {
  return *static_cast<const CamResultHead*>(result);
}
inline const float* cam_result_curve(const void* result) {
  return reinterpret_cast<const float*>(static_cast<const CamResultHead*>(result) + 1);
}
inline const float* cam_result_tube(const CamJob& job, const void* result) {
  return cam_result_curve(result) + job.curve_length;
}
inline CamStats cam_result_stats(const void* result) {
  const CamResultHead& head = cam_result_head(result);
  return {head.min, head.max, head.peak, head.sum, head.finite != 0};
}

// Scratch that launches on one stream may share; its first bytes must be zero before the first one
// (prepare_cam_workspace), and every launch leaves them so. Belongs to the calling thread's device.
TUBECAM_API size_t cam_workspace_bytes(const CamJob& job);
TUBECAM_API void prepare_cam_workspace(void* workspace, const CamJob& job, StreamHandle stream);

// results: [N] of cam_result_bytes(job), 16-byte aligned. One launch that reads activation and
// gradient once (gradcam++ and xgradcam look at the activation of 32 channels a second time, in the
// cache); neither allocates nor waits; may be captured in a graph. The same input gives the same
// bits. Sums are of float32, those of gradcam++ and xgradcam that divide of float64: within
// 4e-6 · Σ_k |w_k A_k| of cam3d().
// Throws kUsage as cam3d() does, and for more than 65535 clips or 4096 cells along t.
TUBECAM_API void launch_cam3d(const CamJob& job, const CamTensors& tensors, void* results,
                              void* workspace, StreamHandle stream);

// copy_relevance() on a GPU: the tube of a graph that gives relevance itself, with the same result.
// relevance: [N, t, h, w]. job.channels and job.method are not read.
TUBECAM_API void launch_relevance(const CamJob& job, const void* relevance, DType dtype,
                                  void* results, void* workspace, StreamHandle stream);

}  // namespace tubecam
