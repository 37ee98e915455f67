// What tests of CUDA's kernels share: memory on the device, numbers in each precision.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "base/cuda/cuda.h"
#include "base/error.h"
#include "base/tensor.h"

namespace tubecam {

inline constexpr Device kGpu{DeviceType::kCuda, 0};
inline constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16};

// Skips without a GPU, unless TUBECAM_REQUIRE_GPU is set.
class CudaTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      require_cuda(0);
    } catch (const Error& error) {
      if (!std::getenv("TUBECAM_REQUIRE_GPU")) GTEST_SKIP() << error.what();
      throw;
    }
    use_cuda(kGpu);
  }
};

template <typename T>
DeviceBuffer to_device(const std::vector<T>& values) {
  DeviceBuffer buffer(values.size() * sizeof(T));
  const CudaStream stream;
  copy_async(buffer.data(), values.data(), buffer.bytes(), stream.get());
  stream.synchronize();
  return buffer;
}

template <typename T>
std::vector<T> to_host(const void* memory, size_t count) {
  std::vector<T> values(count);
  const CudaStream stream;
  copy_async(values.data(), memory, count * sizeof(T), stream.get());
  stream.synchronize();
  return values;
}

// Values in a precision, as bytes for the device; and what they became.
inline std::vector<char> encode(std::vector<float>& values, DType dtype) {
  const size_t size = dtype == DType::kFloat32 ? 4 : 2;
  std::vector<char> bytes(values.size() * size);
  for (size_t i = 0; i < values.size(); ++i) {
    float& value = values[i];
    const __half half = __float2half_rn(value);
    const __nv_bfloat16 brain = __float2bfloat16_rn(value);
    if (dtype == DType::kFloat16) value = __half2float(half);
    if (dtype == DType::kBFloat16) value = __bfloat162float(brain);
    const void* from = dtype == DType::kFloat32   ? static_cast<const void*>(&value)
                       : dtype == DType::kFloat16 ? static_cast<const void*>(&half)
                                                  : &brain;
    std::memcpy(bytes.data() + i * size, from, size);
  }
  return bytes;
}

inline std::vector<float> decode(const std::vector<char>& bytes, DType dtype) {
  const size_t size = dtype == DType::kFloat32 ? 4 : 2;
  std::vector<float> values(bytes.size() / size);
  for (size_t i = 0; i < values.size(); ++i) {
    __half half;
    __nv_bfloat16 brain;
    const char* from = bytes.data() + i * size;
    if (dtype == DType::kFloat32) std::memcpy(&values[i], from, 4);
    if (dtype == DType::kFloat16) std::memcpy(&half, from, 2), values[i] = __half2float(half);
    if (dtype == DType::kBFloat16)
      std::memcpy(&brain, from, 2), values[i] = __bfloat162float(brain);
  }
  return values;
}

inline std::vector<float> random_values(size_t count, unsigned seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> range(low, high);
  std::vector<float> values(count);
  for (float& value : values) value = range(random);
  return values;
}

}  // namespace tubecam
