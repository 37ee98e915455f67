#include "engine/openvino/rewrite_convolutions.h"

#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/util/shape_of_base.hpp>

#include "engine/openvino/channels_last.h"
#include "engine/openvino/convolution_op.h"

namespace tubecam {
namespace {

using ov::op::v0::Constant;
using ov::op::v1::Add;
using ov::op::v1::Convolution;

// The constant behind an input, stored in half precision or not, in its own shape or another; null
// where there is none.
std::shared_ptr<Constant> constant_at(const ov::Node& node, size_t input) {
  auto source = node.get_input_node_shared_ptr(input);
  while (ov::is_type<ov::op::v0::Convert>(source) || ov::is_type<ov::op::v1::Reshape>(source)) {
    source = source->get_input_node_shared_ptr(0);
  }
  return ov::as_type_ptr<Constant>(source);
}

bool is_all(const std::vector<size_t>& values, size_t expected) {
  for (const size_t value : values) {
    if (value != expected) return false;
  }
  return true;
}

// The shape of a convolution that this form can compute; false for any other.
bool read_shape(const Convolution& node, ConvolutionShape* shape) {
  if (node.get_input_partial_shape(0).is_dynamic() || !constant_at(node, 1)) return false;
  const ov::Shape in = node.get_input_shape(0), kernel = node.get_input_shape(1);
  const ov::Shape out = node.get_output_shape(0);
  const bool fits = in.size() == 5 && in[0] == 1 && kernel[3] == 3 && kernel[4] == 3 &&
                    is_all(node.get_strides(), 1) && is_all(node.get_dilations(), 1) &&
                    node.get_output_element_type(0) == ov::element::f32;
  if (!fits) return false;
  shape->inputs = int(in[1]);
  shape->outputs = int(out[1]);
  shape->kernel_t = int(kernel[2]);
  for (size_t i = 0; i < 3; ++i) {
    shape->in[i] = int(in[i + 2]);
    shape->out[i] = int(out[i + 2]);
    shape->pad[i] = int(node.get_pads_begin()[i]);
    if (node.get_pads_begin()[i] < 0 || node.get_pads_end()[i] < 0) return false;
  }
  return true;
}

// The only node that reads the values of `output`, null when there are others or it is a result of
// the model. A bias is read from ONNX with a reader of the shape alone, which is known beforehand.
std::shared_ptr<ov::Node> only_reader(const ov::Output<ov::Node>& output) {
  std::shared_ptr<ov::Node> only;
  for (const auto& reader : output.get_target_inputs()) {
    const auto node = reader.get_node()->shared_from_this();
    if (ov::is_type<ov::op::util::ShapeOfBase>(node)) continue;
    if (only) return nullptr;
    only = node;
  }
  return only;
}

// What follows a convolution and can be computed with it.
struct Chain {
  ov::Output<ov::Node> end;  // the last node that is replaced
  std::vector<float> bias;
  ov::Output<ov::Node> residual;  // without a node where there is none
  bool relu = false;
};

// Takes an addition behind the chain: a constant a channel, or a residual of the same shape.
bool take_addition(const ConvolutionShape& shape, Chain* chain) {
  const auto add = ov::as_type_ptr<Add>(only_reader(chain->end));
  if (!add || add->get_output_partial_shape(0) != chain->end.get_partial_shape()) return false;
  const size_t other = add->input_value(0) == chain->end ? 1 : 0;
  if (const auto constant = constant_at(*add, other)) {
    const ov::Shape& values = add->get_input_shape(other);  // [1, C, 1, 1, 1] or [C, 1, 1, 1]
    const size_t channels = size_t(shape.outputs);
    const bool per_channel = values.size() >= 4 && values[values.size() - 4] == channels &&
                             ov::shape_size(values) == channels;
    if (!per_channel || !chain->bias.empty() || chain->residual.get_node()) return false;
    chain->bias = constant->cast_vector<float>();
  } else {
    const bool same = add->input_value(other).get_partial_shape() == chain->end.get_partial_shape();
    if (!same || chain->residual.get_node()) return false;
    chain->residual = add->input_value(other);
  }
  chain->end = add->output(0);
  return true;
}

Chain read_chain(const std::shared_ptr<Convolution>& node, const ConvolutionShape& shape) {
  Chain chain;
  chain.end = node->output(0);
  while (take_addition(shape, &chain)) {
  }
  const auto reader = only_reader(chain.end);
  if (ov::is_type<ov::op::v0::Relu>(reader)) {
    chain.relu = true;
    chain.end = reader->output(0);
  }
  return chain;
}

void replace(const std::shared_ptr<Convolution>& node, const ConvolutionShape& shape,
             const std::shared_ptr<ThreadTeam>& team) {
  const Chain chain = read_chain(node, shape);
  const auto winograd = std::make_shared<const Winograd>(
      shape, constant_at(*node, 1)->cast_vector<float>(), chain.bias);
  ov::OutputVector inputs = {channels_last(node->input_value(0))};
  if (chain.residual.get_node()) inputs.push_back(channels_last(chain.residual));
  const auto op = std::make_shared<ConvolutionOp>(inputs, winograd, chain.relu, team);
  op->set_friendly_name(chain.end.get_node()->get_friendly_name());
  ov::Output<ov::Node> end = chain.end, result = channels_first(op->output(0), end.get_shape());
  result.set_names(end.get_names());
  end.replace(result);
}

}  // namespace

int rewrite_convolutions(const std::shared_ptr<ov::Model>& model, int threads) {
  const auto team = std::make_shared<ThreadTeam>(threads);
  int replaced = 0;
  for (const auto& node : model->get_ordered_ops()) {
    const auto convolution = ov::as_type_ptr<Convolution>(node);
    ConvolutionShape shape;
    if (!convolution || !read_shape(*convolution, &shape) || !Winograd::pays(shape)) continue;
    replace(convolution, shape, team);
    ++replaced;
  }
  if (replaced > 0) spread_channels_last(model);
  return replaced;
}

}  // namespace tubecam
