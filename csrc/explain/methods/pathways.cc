#include "explain/methods/pathways.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/methods/cam_input.h"

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

Pathway explain_pathway(const PathwayTensors& tensors, const PathwaySpec& spec, CamMethod method,
                        CamStats* stats) {
  const auto& shape = spec.layer.shape;
  Pathway pathway;
  pathway.name = spec.name;
  pathway.layer = spec.layer.name;
  pathway.of_flow = spec.of_flow;
  pathway.shape = {shape[1], shape[2], shape[3]};
  pathway.stride = spec.layer.stride;
  pathway.offset = spec.layer.offset;
  pathway.tube.resize(spec.layer.cells());
  if (tensors.relevance.data) {
    *stats =
        copy_relevance(tensors.relevance.f32(), shape[1], shape[2], shape[3], pathway.tube.data());
    pathway.relevance_sum = stats->sum;
    return pathway;
  }
  *stats = cam3d(cam_input(tensors, spec.layer), method, pathway.tube.data());
  pathway.relevance_sum = stats->sum;
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

PathwayTubes explain_pathways(const EngineOutputs& outputs, const GraphSpec& graph,
                              CamMethod method, float* joined) {
  PathwayTubes found;
  CamStats& total = found.joined;
  std::vector<double> sums(graph.layer.cells());
  for (size_t i = 0; i < graph.pathways.size(); ++i) {
    CamStats stats;
    found.pathways.push_back(
        explain_pathway(outputs.pathways[i], graph.pathways[i], method, &stats));
    total.sum += stats.sum;
    total.finite &= stats.finite;
    add_to_grid(found.pathways.back().view(), graph.layer, sums.data());
  }
  set_shares(&found.pathways);
  if (!total.finite) std::fill(sums.begin(), sums.end(), 0);
  std::transform(sums.begin(), sums.end(), joined, [](double sum) { return float(sum); });
  const float* end = joined + sums.size();
  total.min = *std::min_element<const float*>(joined, end);
  const float* peak = std::max_element<const float*>(joined, end);
  total.max = *peak;
  total.peak = int(peak - joined);
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
