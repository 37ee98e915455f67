// What cam3d reads of what an engine gave.
#pragma once

#include "bundle/bundle.h"
#include "explain/methods/cam3d.h"

namespace tubecam {

// tensors: EngineOutputs, or the PathwayTensors of one of several explained layers.
template <class Tensors>
CamInput cam_input(const Tensors& tensors, const LayerSpec& layer) {
  const auto& [channels, t, h, w] = layer.shape;
  return {
      tensors.activation.f32(), tensors.weight.f32(), tensors.gradient.f32(), channels, t, h, w};
}

}  // namespace tubecam
