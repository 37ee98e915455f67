// A view of a dense row-major array. It owns nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/device.h"
#include "base/export.h"

struct CUevent_st;

namespace tubecam {

enum class DType { kFloat32, kFloat16, kBFloat16, kInt64 };

using Shape = std::vector<int64_t>;

TUBECAM_API int64_t num_elements(const Shape& shape);
TUBECAM_API std::string to_string(const Shape& shape);  // "[1, 512, 2, 7, 7]"

struct TensorView {
  void* data = nullptr;
  DType dtype = DType::kFloat32;
  Shape shape;
  Device device;
  // On a GPU: the event (cudaEvent_t) after which the values are there; nullptr: they are.
  CUevent_st* ready = nullptr;

  const float* f32() const { return static_cast<const float*>(data); }
};

}  // namespace tubecam
