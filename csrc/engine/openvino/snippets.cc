#include "engine/openvino/snippets.h"

#include <openvino/opsets/opset12.hpp>
#include <set>
#include <vector>

namespace tubecam {
namespace {

// What may stand between the products of a closed pattern, also before OpenVINO's own fusions.
bool passes_values_on(const ov::Node& node) {
  using namespace ov::op;
  return ov::is_type<util::UnaryElementwiseArithmetic>(&node) ||
         ov::is_type<util::BinaryElementwiseArithmetic>(&node) || ov::is_type<v1::Select>(&node) ||
         ov::is_type<v0::Convert>(&node) || ov::is_type<v0::FakeQuantize>(&node) ||
         ov::is_type<v1::Softmax>(&node) || ov::is_type<v8::Softmax>(&node) ||
         ov::is_type<v0::Clamp>(&node) || ov::is_type<v0::PRelu>(&node) ||
         ov::is_type<v0::Elu>(&node) || ov::is_type<v4::Swish>(&node) ||
         ov::is_type<v1::ReduceMax>(&node) || ov::is_type<v1::ReduceSum>(&node) ||
         ov::is_type<v1::Reshape>(&node) || ov::is_type<v1::Transpose>(&node) ||
         ov::is_type<v0::Squeeze>(&node) || ov::is_type<v0::Unsqueeze>(&node);
}

void add_readers(const ov::Node& node, std::vector<const ov::Node*>* readers) {
  for (const auto& output : node.outputs()) {
    for (const auto& reader : output.get_target_inputs()) {
      if (!ov::is_type<ov::op::util::ShapeOfBase>(reader.get_node()))
        readers->push_back(reader.get_node());
    }
  }
}

// Whether all that is computed from a product goes, elementwise, into further products.
bool begins_closed_pattern(const ov::Node& product) {
  std::vector<const ov::Node*> ahead;
  std::set<const ov::Node*> seen;
  bool ends = false;
  add_readers(product, &ahead);
  while (!ahead.empty()) {
    const ov::Node* node = ahead.back();
    ahead.pop_back();
    if (!seen.insert(node).second) continue;
    if (ov::is_type<ov::op::v0::MatMul>(node)) {
      ends = true;
    } else if (passes_values_on(*node)) {
      add_readers(*node, &ahead);
    } else {
      return false;
    }
  }
  return ends;
}

}  // namespace

bool must_avoid_snippets(const ov::Model& model) {
  for (const auto& node : model.get_ops()) {
    if (ov::is_type<ov::op::v12::GroupNormalization>(node)) return true;
    if (ov::is_type<ov::op::v0::MatMul>(node) && begins_closed_pattern(*node)) return true;
  }
  return false;
}

}  // namespace tubecam
