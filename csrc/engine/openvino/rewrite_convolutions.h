// Puts Winograd's convolutions into a model before OpenVINO compiles it.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>

namespace tubecam {

// Replaces each float32 convolution for which Winograd::pays, with the bias, residual and ReLU that
// follow it and that nothing else reads; `threads` work on each. Gives how many were replaced.
int rewrite_convolutions(const std::shared_ptr<ov::Model>& model, int threads);

}  // namespace tubecam
