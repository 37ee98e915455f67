#include "explain/methods/pathways.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tubecam {
namespace {

constexpr double kLeastTotal = 0.05;  // of the sums' absolute values, for shares to mean something

// How much of each cell of one axis of a tube belongs to each cell of the grid's: [to, from].
std::vector<double> overlaps(int from, double from_stride, double from_offset, int to,
                             double to_stride, double to_offset) {
  std::vector<double> parts(size_t(to) * size_t(from));
  for (int i = 0; i < from; ++i) {
    const double begin = from_offset + from_stride * (i - 0.5), end = begin + from_stride;
    for (int j = 0; j < to; ++j) {
      const double infinity = std::numeric_limits<double>::infinity();
      const double low = j == 0 ? -infinity : to_offset + to_stride * (j - 0.5);
      const double high = j == to - 1 ? infinity : to_offset + to_stride * (j + 0.5);
      const double shared = std::min(end, high) - std::max(begin, low);
      parts[size_t(j) * size_t(from) + size_t(i)] = std::max(0.0, shared) / from_stride;
    }
  }
  return parts;
}

// out[outer, to, inner] = Σ parts[to, from] · in[outer, from, inner]
std::vector<double> resample(const std::vector<double>& in, size_t outer, size_t from, size_t inner,
                             const std::vector<double>& parts) {
  const size_t to = parts.size() / from;
  std::vector<double> out(outer * to * inner);
  for (size_t o = 0; o < outer; ++o) {
    for (size_t j = 0; j < to; ++j) {
      for (size_t i = 0; i < from; ++i) {
        const double part = parts[j * from + i];
        if (part == 0) continue;
        const double* source = in.data() + (o * from + i) * inner;
        double* target = out.data() + (o * to + j) * inner;
        for (size_t k = 0; k < inner; ++k) target[k] += part * source[k];
      }
    }
  }
  return out;
}

// One layer's: a class-activation map, or what the graph itself found.
CamStats tube_of(const LayerTensors& tensors, const LayerSpec& layer, CamMethod method,
                 float* tube) {
  const auto& [channels, t, h, w] = layer.shape;
  if (tensors.relevance.data) return copy_relevance(tensors.relevance.f32(), t, h, w, tube);
  const CamInput input{
      tensors.activation.f32(), tensors.weight.f32(), tensors.gradient.f32(), channels, t, h, w};
  return cam3d(input, method, tube);
}

Pathway explain_pathway(const LayerTensors& tensors, const ExplainedLayer& explained,
                        CamMethod method, bool* finite) {
  const LayerSpec& layer = explained.layer;
  Pathway pathway;
  pathway.name = explained.name;
  pathway.layer = layer.name;
  pathway.of_flow = explained.of_flow;
  pathway.shape = {layer.shape[1], layer.shape[2], layer.shape[3]};
  pathway.stride = layer.stride;
  pathway.offset = layer.offset;
  pathway.tube.resize(layer.cells());
  const CamStats stats = tube_of(tensors, layer, method, pathway.tube.data());
  pathway.relevance_sum = stats.sum;
  *finite &= stats.finite;
  return pathway;
}

void set_shares(std::vector<Pathway>* pathways) {
  double total = 0, all = 0;
  for (const Pathway& pathway : *pathways) {
    total += pathway.relevance_sum;
    all += std::fabs(pathway.relevance_sum);
  }
  const bool meaningful = all > 0 && std::fabs(total) >= kLeastTotal * all;
  for (Pathway& pathway : *pathways) {
    pathway.share =
        meaningful ? 100 * pathway.relevance_sum / total : std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

TubeView Pathway::view() const {
  return {tube.data(), shape[0], shape[1], shape[2], stride, offset};
}

void add_to_grid(const TubeView& tube, const LayerSpec& grid, double* sums) {
  const size_t sizes[] = {size_t(tube.t), size_t(tube.h), size_t(tube.w)};
  size_t inner = sizes[0] * sizes[1] * sizes[2], outer = 1;
  std::vector<double> values(tube.values, tube.values + inner);
  for (size_t axis = 0; axis < 3; ++axis) {
    inner /= sizes[axis];
    const auto parts = overlaps(int(sizes[axis]), tube.stride[axis], tube.offset[axis],
                                grid.shape[axis + 1], grid.stride[axis], grid.offset[axis]);
    values = resample(values, outer, sizes[axis], inner, parts);
    outer *= size_t(grid.shape[axis + 1]);
  }
  for (size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

LayerTubes explain_layers(const EngineOutputs& outputs, const GraphSpec& graph, CamMethod method,
                          float* tube) {
  const auto& layers = graph.layers;
  LayerTubes found;
  CamStats& total = found.stats;
  if (layers.size() == 1) {
    total = tube_of(outputs.layers[0], layers[0].layer, method, tube);
    return found;
  }
  const LayerSpec grid = graph.grid();
  std::vector<double> sums(grid.cells());
  for (size_t i = 0; i < layers.size(); ++i) {
    found.pathways.push_back(explain_pathway(outputs.layers[i], layers[i], method, &total.finite));
    total.sum += found.pathways.back().relevance_sum;
    add_to_grid(found.pathways.back().view(), grid, sums.data());
  }
  set_shares(&found.pathways);
  if (!total.finite) std::fill(sums.begin(), sums.end(), 0);
  std::transform(sums.begin(), sums.end(), tube, [](double sum) { return float(sum); });
  const float* end = tube + sums.size();
  total.min = *std::min_element<const float*>(tube, end);
  const float* peak = std::max_element<const float*>(tube, end);
  total.max = *peak;
  total.peak = int(peak - tube);
  return found;
}

bool sees_flow(const std::vector<Pathway>& pathways) {
  return std::any_of(pathways.begin(), pathways.end(),
                     [](const Pathway& pathway) { return pathway.of_flow; });
}

std::vector<float> flow_cells(const std::vector<Pathway>& pathways, const LayerSpec& grid) {
  std::vector<double> flow(grid.cells()), all(grid.cells());
  for (const Pathway& pathway : pathways) {
    std::vector<float> sizes(pathway.tube);
    for (float& value : sizes) value = std::fabs(value);
    TubeView view = pathway.view();
    view.values = sizes.data();
    add_to_grid(view, grid, all.data());
    if (pathway.of_flow) add_to_grid(view, grid, flow.data());
  }
  std::vector<float> shares(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] > 0) shares[i] = float(std::clamp(flow[i] / all[i], 0.0, 1.0));
  }
  return shares;
}

double flow_share(const std::vector<Pathway>& pathways) {
  double share = 0;
  for (const Pathway& pathway : pathways) share += pathway.of_flow ? pathway.share : 0;
  const bool known = !pathways.empty() && !std::isnan(pathways.front().share);
  return known ? std::clamp(share / 100, 0.0, 1.0) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tubecam
