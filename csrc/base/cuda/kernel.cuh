// What every kernel's .cu file needs: launching, loads of whole vectors, sums over a block.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "base/cuda/cuda.h"
#include "base/error.h"
#include "base/tensor.h"

namespace tubecam {

// `Parameters` is one struct, by value. Checks the launch.
template <typename Parameters>
void launch(const char* what, void (*kernel)(Parameters), dim3 grid, dim3 block, size_t shared,
            StreamHandle stream, Parameters parameters) {
  void* arguments[] = {&parameters};
  check_cuda(cudaLaunchKernel(kernel, grid, block, arguments, shared, stream), what);
}

// The launch's shared memory, aligned to 16 bytes.
#ifdef __CUDACC__
__device__ __forceinline__ unsigned char* shared_memory() {
  extern __shared__ __align__(16) unsigned char tubecam_shared[];
  return tubecam_shared;
}
#endif

constexpr int kWarp = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

__device__ __forceinline__ void from_float(float value, float& out) { out = value; }
__device__ __forceinline__ void from_float(float value, __half& out) {
  out = __float2half_rn(value);
}
__device__ __forceinline__ void from_float(float value, __nv_bfloat16& out) {
  out = __float2bfloat16_rn(value);
}

// kCount values that one load brings: alignment to their whole size is the caller's promise.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T value[kCount];
};

// Loads kCount values at once.
template <typename T, int kCount>
__device__ __forceinline__ Vector<T, kCount> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}

// Sum over the warp, in every lane, in one fixed order.
template <typename Real>
__device__ __forceinline__ Real warp_sum(Real value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2)
    value += __shfl_xor_sync(kWholeWarp, value, lanes);
  return value;
}

__device__ __forceinline__ bool is_finite(float value) { return value - value == 0; }

// Runs `action(T{})` with the element type of a dtype. Throws kUsage for one that is no float.
template <typename Action>
void with_float_type(DType dtype, const char* what, const Action& action) {
  switch (dtype) {
    case DType::kFloat32:
      return action(float{});
    case DType::kFloat16:
      return action(__half{});
    case DType::kBFloat16:
      return action(__nv_bfloat16{});
    default:
      fail(ErrorCode::kUsage, what, ": values must be float32, float16 or bfloat16");
  }
}

}  // namespace tubecam
