#include "explain/methods/contrast.h"

namespace tubecam {
namespace {

// The tensors that depend on the class.
std::vector<TensorView*> of_class(EngineOutputs* outputs) {
  std::vector<TensorView*> views;
  for (LayerTensors& layer : outputs->layers)
    views.insert(views.end(), {&layer.weight, &layer.gradient, &layer.relevance});
  return views;
}

}  // namespace

const EngineOutputs& ContrastPass::infer(Engine& engine, EngineInputs inputs,
                                         const Target& target) {
  inputs.target = target.against;
  outputs_ = engine.infer(inputs);
  differences_.clear();
  for (const TensorView* view : of_class(&outputs_)) {
    const size_t count = view->data ? size_t(num_elements(view->shape)) : 0;
    differences_.emplace_back(view->f32(), view->f32() + count);
  }
  inputs.target = target.label;
  outputs_ = engine.infer(inputs);
  auto difference = differences_.begin();
  for (TensorView* view : of_class(&outputs_)) {
    const float* first = view->f32();
    for (float& value : *difference) value = *first++ - value;
    if (view->data) view->data = difference->data();
    ++difference;
  }
  return outputs_;
}

}  // namespace tubecam
