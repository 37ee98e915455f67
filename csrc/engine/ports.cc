#include "engine/ports.h"

#include <algorithm>

#include "base/error.h"

namespace tubecam {
namespace {

const char* name_of(DType dtype) { return dtype == DType::kInt64 ? "int64" : "float32"; }

// "float32 [1, ?, 3, 16, 16]"
std::string describe(const std::string& type, const Shape& shape) {
  std::string text = to_string(shape);
  for (size_t at; (at = text.find("-1")) != std::string::npos;) text.replace(at, 2, "?");
  return type + " " + text;
}

bool has_type(const Port& port, const std::string& type, bool any_precision) {
  if (type == name_of(port.dtype)) return true;
  if (!any_precision) return false;
  return port.dtype == DType::kInt64 ? type == "int32" : type == "float16" || type == "bfloat16";
}

void check_port(const Port& port, const char* kind, const std::vector<FoundTensor>& found,
                bool any_precision, const std::string& file) {
  std::string names;
  for (const FoundTensor& tensor : found) {
    names += (names.empty() ? "" : ", ") + tensor.name;
    if (tensor.name != port.name) continue;
    const bool same = tensor.shape == port.shape && has_type(port, tensor.type, any_precision);
    check(same, ErrorCode::kEngine, "the ", kind, " `", port.name, "` of ", file, " is ",
          describe(tensor.type, tensor.shape), "; the sidecar says ",
          describe(name_of(port.dtype), port.shape));
    return;
  }
  fail(ErrorCode::kEngine, file, " has no ", kind, " `", port.name,
       "`, which the sidecar names; it has ", names);
}

std::vector<InputPort> inputs_of(const ClipSpec& clip) {
  std::vector<InputPort> ports;
  ports.push_back({{"target", DType::kInt64, {1}}, nullptr});
  const Shape frames = {1, clip.length, 3, clip.height, clip.width};
  ports.push_back({{"clip", DType::kFloat32, frames}, &EngineInputs::clip});
  const Shape flow = {1, clip.length - 1, 2, clip.height, clip.width};
  if (clip.flow.used) ports.push_back({{"flow", DType::kFloat32, flow}, &EngineInputs::flow});
  return ports;
}

// Of one explained layer; names that are empty are not there.
void add_layer(const ExplainedLayer& layer, size_t index, const std::vector<InputPort>& inputs,
               std::vector<OutputPort>* ports) {
  const auto add = [&](const std::string& name, const Shape& shape,
                       TensorView LayerTensors::*tensor) {
    if (!name.empty()) ports->push_back({{name, DType::kFloat32, shape}, index, tensor});
  };
  const auto& [c, t, h, w] = layer.layer.shape;
  const Shape cells = {1, c, t, h, w};
  const bool of_input = layer.gives_input_gradient();
  add(layer.activation, cells, &LayerTensors::activation);
  add(layer.weight, {1, c}, &LayerTensors::weight);
  add(layer.gradient, of_input ? inputs[layer.of_flow ? 2 : 1].shape : cells,
      &LayerTensors::gradient);
  add(layer.relevance, {1, t, h, w}, &LayerTensors::relevance);
}

}  // namespace

void InputPort::check_view(const TensorView& view) const {
  const bool same = view.dtype == DType::kFloat32 && view.data && view.shape == shape;
  check(same, ErrorCode::kUsage, "a ", name, " must be float32 ", to_string(shape), ", not ",
        to_string(view.shape));
}

Ports ports_of(const Bundle& bundle, const GraphSpec& graph, bool logits_only) {
  Ports ports{inputs_of(bundle.clip), {}};
  const Shape logits = {1, int64_t(bundle.labels.size())};
  ports.outputs.push_back({{graph.logits, DType::kFloat32, logits}, 0, nullptr});
  for (size_t i = 0; i < graph.layers.size() && !logits_only; ++i)
    add_layer(graph.layers[i], i, ports.inputs, &ports.outputs);
  return ports;
}

void check_ports(const Ports& ports, const FoundTensors& found, Types types,
                 const std::string& file) {
  const bool any = types == Types::kAnyPrecision;
  for (const InputPort& port : ports.inputs) {
    const bool narrow = any && port.tensor == nullptr;  // clips are copied as they are
    check_port(port, "input", found.inputs, narrow, file);
  }
  for (const OutputPort& port : ports.outputs)
    check_port(port, "output", found.outputs, any && !port.is_logits(), file);
}

}  // namespace tubecam
