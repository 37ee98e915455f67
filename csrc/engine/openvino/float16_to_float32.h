// A graph of float16 for a CPU, which computes in float32.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>

namespace tubecam {

// Turns constants and casts of float16 into float32, so that every tensor is; weights keep the
// values that half precision gave them. A model without float16 stays as it is.
void float16_to_float32(const std::shared_ptr<ov::Model>& model);

}  // namespace tubecam
