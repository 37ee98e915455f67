// OpenVINO's view of Winograd's convolution: an operation that its CPU plugin calls.
#pragma once

#include <memory>
#include <openvino/op/op.hpp>

#include "engine/winograd/winograd.h"

namespace tubecam {

// Inputs: data [t·h·w, C] float32, and the residual if there is one, like the output
// [t'·h'·w', C'].
class ConvolutionOp : public ov::op::Op {
 public:
  OPENVINO_OP("WinogradConvolution", "tubecam");

  ConvolutionOp() = default;
  ConvolutionOp(const ov::OutputVector& inputs, std::shared_ptr<const Winograd> winograd, bool relu,
                std::shared_ptr<ThreadTeam> team);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::shared_ptr<const Winograd> winograd_;
  bool relu_ = false;
  std::shared_ptr<ThreadTeam> team_;
  int64_t identity_ = 0;
};

}  // namespace tubecam
