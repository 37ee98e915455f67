#include "engine/openvino/channels_last.h"

#include <openvino/op/clamp.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/logical_not.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/select.hpp>
#include <openvino/op/transpose.hpp>
#include <openvino/op/util/binary_elementwise_arithmetic.hpp>
#include <openvino/op/util/binary_elementwise_comparison.hpp>
#include <openvino/op/util/binary_elementwise_logical.hpp>
#include <openvino/op/util/unary_elementwise_arithmetic.hpp>

namespace tubecam {
namespace {

using ov::op::v0::Constant;
using ov::op::v1::Reshape;
using ov::op::v1::Transpose;

using Value = ov::Output<ov::Node>;  // without a node: none
using Integers = std::vector<int64_t>;
const Integers kLast = {0, 2, 3, 4, 1}, kFirst = {0, 4, 1, 2, 3};

Value constant(const Integers& values) {
  return Constant::create(ov::element::i64, ov::Shape{values.size()}, values)->output(0);
}

Value transpose(const Value& value, const Integers& order) {
  return std::make_shared<Transpose>(value, constant(order))->output(0);
}

Value reshape(const Value& value, const ov::Shape& shape) {
  const Integers sizes(shape.begin(), shape.end());
  return std::make_shared<Reshape>(value, constant(sizes), false)->output(0);
}

// [rows, channels] of a tensor with channels last. Sizes of 1 stay, for broadcasting.
ov::Shape rows_of(const ov::Shape& shape) { return {shape[2] * shape[3] * shape[4], shape[1]}; }

bool transposes_by(const std::shared_ptr<ov::Node>& node, const Integers& order) {
  if (!ov::is_type<Transpose>(node)) return false;
  const auto found = ov::as_type_ptr<Constant>(node->get_input_node_shared_ptr(1));
  return found && found->cast_vector<int64_t>() == order;
}

// Whether `value` is a tensor with channels last, transposed.
bool has_rows(const Value& value) { return transposes_by(value.get_node_shared_ptr(), kFirst); }

// That tensor's rows.
Value rows_behind(const Value& value) {
  const Value tensor = value.get_node_shared_ptr()->input_value(0);
  const auto before = ov::as_type_ptr<Reshape>(tensor.get_node_shared_ptr());
  const ov::Shape rows = rows_of(value.get_shape());
  const bool ours = before && before->get_input_partial_shape(0) == ov::PartialShape(rows);
  return ours ? before->input_value(0) : reshape(tensor, rows);
}

// What channels_last() made `rows` of.
Value tensor_behind(const Value& rows) {
  const auto node = ov::as_type_ptr<Reshape>(rows.get_node_shared_ptr());
  if (!node || !transposes_by(node->get_input_node_shared_ptr(0), kLast)) return {};
  const Value value = node->get_input_node_shared_ptr(0)->input_value(0);
  return node->get_output_partial_shape(0) == ov::PartialShape(rows_of(value.get_shape()))
             ? value
             : Value();
}

bool is_elementwise(const std::shared_ptr<ov::Node>& node) {
  using namespace ov::op;
  return ov::is_type<util::UnaryElementwiseArithmetic>(node) ||
         ov::is_type<util::BinaryElementwiseArithmetic>(node) ||
         ov::is_type<util::BinaryElementwiseComparison>(node) ||
         ov::is_type<util::BinaryElementwiseLogical>(node) || ov::is_type<v1::Select>(node) ||
         ov::is_type<v1::LogicalNot>(node) || ov::is_type<v0::Clamp>(node) ||
         ov::is_type<v0::Convert>(node);
}

// Whether an input means the same to an operation on rows of `shape`: a tensor of that shape, one
// value a channel, a cell or in all.
bool fits(const Value& input, const ov::Shape& shape) {
  if (input.get_partial_shape().is_dynamic()) return false;
  const ov::Shape& found = input.get_shape();
  if (ov::shape_size(found) == 1) return true;
  if (found.size() != 5) return false;
  const ov::Shape cells(shape.begin() + 2, shape.end()), own(found.begin() + 2, found.end());
  return own == cells || ov::shape_size(own) == 1;
}

bool touches_rows(const ov::Node& node) {
  for (const auto& input : node.input_values()) {
    if (has_rows(input)) return true;
  }
  for (const auto& reader : node.get_output_target_inputs(0)) {
    const auto& transposed = *reader.get_node();
    if (!transposes_by(reader.get_node()->shared_from_this(), kLast)) continue;
    for (const auto& after : transposed.get_output_target_inputs(0)) {
      if (tensor_behind(after.get_node()->output(0)).get_node()) return true;
    }
  }
  return false;
}

bool can_move(const std::shared_ptr<ov::Node>& node) {
  if (!is_elementwise(node) || node->get_output_partial_shape(0).is_dynamic()) return false;
  const ov::Shape& shape = node->get_output_shape(0);
  if (shape.size() != 5 || shape[0] != 1 || !touches_rows(*node)) return false;
  for (const auto& input : node->input_values()) {
    if (!fits(input, shape)) return false;
  }
  return true;
}

void move_to_rows(const std::shared_ptr<ov::Node>& node) {
  ov::OutputVector inputs;
  for (const auto& input : node->input_values()) {
    const bool scalar = ov::shape_size(input.get_shape()) == 1;
    inputs.push_back(scalar ? reshape(input, ov::Shape{1, 1}) : channels_last(input));
  }
  const auto moved = node->clone_with_new_inputs(inputs);
  moved->set_friendly_name(node->get_friendly_name());
  Value old = node->output(0), result = channels_first(moved->output(0), old.get_shape());
  result.set_names(old.get_names());
  old.replace(result);
}

}  // namespace

Value channels_last(const Value& value) {
  if (has_rows(value)) return rows_behind(value);
  return reshape(transpose(value, kLast), rows_of(value.get_shape()));
}

Value channels_first(const Value& rows, const ov::Shape& shape) {
  return transpose(reshape(rows, {1, shape[2], shape[3], shape[4], shape[1]}), kFirst);
}

void spread_channels_last(const std::shared_ptr<ov::Model>& model) {
  auto nodes = model->get_ordered_ops();
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {  // towards what they read
    if (can_move(*node)) move_to_rows(*node);
  }
  for (const auto& node : model->get_ordered_ops()) {  // towards their readers
    if (can_move(node)) move_to_rows(node);
    // Transposed for an operation of ours before its input was moved.
    const Value tensor = tensor_behind(node->output(0));
    if (tensor.get_node() && has_rows(tensor)) node->output(0).replace(rows_behind(tensor));
  }
}

}  // namespace tubecam
