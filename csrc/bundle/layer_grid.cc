#include "bundle/layer_grid.h"

#include <algorithm>
#include <utility>

namespace tubecam {

namespace {

// Of both, where both are known.
void widen(const LayerSpec& layer, LayerSpec* joined) {
  if (!layer.receptive_field) joined->receptive_field.reset();
  if (!joined->receptive_field) return;
  for (size_t axis = 0; axis < 3; ++axis) {
    double& field = (*joined->receptive_field)[axis];
    field = std::max(field, (*layer.receptive_field)[axis]);
  }
}

}  // namespace

LayerSpec joined_layer(const std::vector<ExplainedLayer>& layers) {
  LayerSpec joined = layers.front().layer;
  if (layers.size() == 1) return joined;
  joined.name.clear();
  joined.shape[0] = 1;
  for (const ExplainedLayer& explained : layers) {
    const LayerSpec& layer = explained.layer;
    widen(layer, &joined);
    joined.name += (joined.name.empty() ? "" : " + ") + explained.name;
    for (size_t axis = 0; axis < 3; ++axis) {
      const auto finer = [axis](const LayerSpec& of) {
        return std::pair(of.shape[axis + 1], of.stride[axis]);
      };
      if (finer(layer) <= finer(joined)) continue;
      joined.shape[axis + 1] = layer.shape[axis + 1];
      joined.stride[axis] = layer.stride[axis];
      joined.offset[axis] = layer.offset[axis];
    }
  }
  return joined;
}

}  // namespace tubecam
