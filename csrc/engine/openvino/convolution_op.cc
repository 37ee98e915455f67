#include "engine/openvino/convolution_op.h"

#include <atomic>

namespace tubecam {
namespace {

// OpenVINO merges operations of one input whose attributes are equal; weights are not attributes.
int64_t next_identity() {
  static std::atomic<int64_t> count = 0;
  return ++count;
}

}  // namespace

ConvolutionOp::ConvolutionOp(const ov::OutputVector& inputs,
                             std::shared_ptr<const Winograd> winograd, bool relu,
                             std::shared_ptr<ThreadTeam> team)
    : Op(inputs),
      winograd_(std::move(winograd)),
      relu_(relu),
      team_(std::move(team)),
      identity_(next_identity()) {
  constructor_validate_and_infer_types();
}

void ConvolutionOp::validate_and_infer_types() {
  const ConvolutionShape& shape = winograd_->shape();
  const auto& out = shape.out;
  const size_t rows = size_t(out[0]) * size_t(out[1]) * size_t(out[2]);
  set_output_type(0, ov::element::f32, ov::Shape{rows, size_t(shape.outputs)});
}

std::shared_ptr<ov::Node> ConvolutionOp::clone_with_new_inputs(
    const ov::OutputVector& inputs) const {
  return std::make_shared<ConvolutionOp>(inputs, winograd_, relu_, team_);
}

bool ConvolutionOp::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("relu", relu_);
  visitor.on_attribute("identity", identity_);
  return true;
}

bool ConvolutionOp::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const float* residual = inputs.size() > 1 ? inputs[1].data<const float>() : nullptr;
  winograd_->run(inputs[0].data<const float>(), residual, relu_, outputs[0].data<float>(), *team_);
  return true;
}

}  // namespace tubecam
