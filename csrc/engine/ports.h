// Which tensor of a graph is which: what the sidecar says of its inputs and outputs, the same for
// every engine. Engines find the tensors and bind memory to them.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "base/tensor.h"
#include "bundle/bundle.h"
#include "engine/engine.h"

namespace tubecam {

struct Port {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
};

struct InputPort : Port {
  // What is bound to it; nullptr for the target, which is a number.
  TensorView EngineInputs::*tensor = nullptr;

  // Throws kUsage unless it is float32, of the port's shape and there.
  TUBECAM_API void check_view(const TensorView& view) const;
};

struct OutputPort : Port {
  size_t layer = 0;
  TensorView LayerTensors::*tensor = nullptr;  // nullptr: the logits

  bool is_logits() const { return tensor == nullptr; }
  // Its place among the outputs, which have as many layers as the graph.
  TensorView& view_in(EngineOutputs* outputs) const {
    return is_logits() ? outputs->logits : outputs->layers[layer].*tensor;
  }
};

struct Ports {
  std::vector<InputPort> inputs;    // target, clip, then flow where the model takes it
  std::vector<OutputPort> outputs;  // logits first
};

TUBECAM_API Ports ports_of(const Bundle& bundle, const GraphSpec& graph, bool logits_only);

// A tensor as an engine finds it.
struct FoundTensor {
  std::string name;
  std::string type;  // "float32", "int64"; others in the engine's word
  Shape shape;       // −1: of any size
};

struct FoundTensors {
  std::vector<FoundTensor> inputs, outputs;
};

// Whether an engine may keep tensors in another precision than the sidecar says: the layers' in
// float16 or bfloat16, the target in int32.
enum class Types { kAsStated, kAnyPrecision };

// Throws kEngine naming the first port that the graph lacks or has in another shape or type.
TUBECAM_API void check_ports(const Ports& ports, const FoundTensors& found, Types types,
                             const std::string& file);

}  // namespace tubecam
