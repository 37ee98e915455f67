#include "explain/methods/motion.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr float kRounding = 1e-5f;
constexpr double kFloor = 1e-4;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

float greatest(const float* values, int count) {
  float most = 0;
  for (int i = 0; i < count; ++i) most = std::max(most, std::abs(values[i]));
  return most;
}

// One axis of the filter: each value from those before and after it, edges replicated.
// from, to: [outer, size, inner].
template <typename Mix>
void filter_axis(const float* from, int outer, int size, int inner, const Mix& mix, float* to) {
  for (int o = 0; o < outer; ++o) {
    const float* const block = from + static_cast<size_t>(o) * size * inner;
    for (int k = 0; k < size; ++k) {
      const float* before = block + static_cast<size_t>(std::max(k - 1, 0)) * inner;
      const float* here = block + static_cast<size_t>(k) * inner;
      const float* after = block + static_cast<size_t>(std::min(k + 1, size - 1)) * inner;
      for (int i = 0; i < inner; ++i) to[i] = mix(before[i], here[i], after[i]);
      to += inner;
    }
  }
}

// |∂R/∂t| by Sobel's filter: a central difference, smoothed over space by 1-2-1.
std::vector<float> change_over_time(const float* tube, int t, int h, int w) {
  std::vector<float> change(static_cast<size_t>(t) * h * w), next(change.size());
  const auto difference = [](float a, float, float c) { return (c - a) / 2; };
  const auto smooth = [](float a, float b, float c) { return (a + 2 * b + c) / 4; };
  filter_axis(tube, 1, t, h * w, difference, change.data());
  filter_axis(change.data(), t, h, w, smooth, next.data());
  filter_axis(next.data(), t * h, w, 1, smooth, change.data());
  for (float& value : change) value = std::abs(value);
  return change;
}

double deviation(const std::vector<float>& values) {
  double sum = 0, squares = 0;
  for (const float value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// The cell in time whose centre is nearest to a slice.
int cell_at(int slice, const LayerSpec& layer) {
  const double index = (slice - layer.offset[0]) / layer.stride[0];
  return int(std::lround(std::clamp(index, 0.0, double(layer.shape[1] - 1))));
}

}  // namespace

void freeze_clip(const float* clip, const ClipSpec& spec, int slice, float* frozen) {
  const size_t size = size_t{3} * static_cast<size_t>(spec.height) * spec.width;
  for (int t = 0; t < spec.length; ++t)
    std::memcpy(frozen + t * size, clip + slice * size, size * sizeof(float));
}

double split_motion(const float* relevance, const float* still, int count, int begin, int end,
                    float* motion) {
  const float rounding = kRounding * greatest(relevance, count);
  double moving = 0, all = 0;
  for (int i = 0; i < count; ++i) {
    const float beyond = relevance[i] - std::max(still[i], 0.0f);
    const bool moves = relevance[i] > 0 && beyond > rounding;
    motion[i] = moves ? beyond / relevance[i] : 0;
    if (i < begin || i >= end) continue;
    all += std::max(relevance[i], 0.0f);
    if (moves) moving += beyond;
  }
  return all > 0 ? moving / all : kUnknown;
}

Motion split_live(const std::vector<float>& tube, const LayerSpec& layer, int slice,
                  const RelevanceOfStill& still) {
  const int count = int(tube.size()), plane = layer.shape[2] * layer.shape[3];
  const int begin = cell_at(slice, layer) * plane;
  std::vector<float> relevance(tube.size());
  still(slice, relevance.data());
  Motion motion{kFromSplit.name, std::vector<float>(tube.size())};
  motion.share =
      split_motion(tube.data(), relevance.data(), count, begin, begin + plane, motion.cells.data());
  return motion;
}

Motion split_exactly(const std::vector<float>& tube, const LayerSpec& layer, int slices,
                     const RelevanceOfStill& still) {
  const size_t plane = size_t(layer.shape[2]) * size_t(layer.shape[3]);
  std::vector<float> now(tube.size()), relevance(tube.size());
  std::vector<int> counts(size_t(layer.shape[1]));
  for (int slice = 0; slice < slices; ++slice) ++counts[size_t(cell_at(slice, layer))];
  for (int slice = 0; slice < slices && still(slice, now.data()); ++slice) {
    const auto cell = size_t(cell_at(slice, layer));
    for (size_t i = cell * plane; i < (cell + 1) * plane; ++i)
      relevance[i] += now[i] / float(counts[cell]);
  }
  const int count = int(tube.size());
  Motion motion{kFromExactSplit.name, std::vector<float>(tube.size())};
  motion.share = split_motion(tube.data(), relevance.data(), count, 0, count, motion.cells.data());
  return motion;
}

double select_motion(float* tube, int t, int h, int w, double sigma, float* motion) {
  const int count = t * h * w;
  const std::vector<float> change = change_over_time(tube, t, h, w);
  const double limit = std::max(sigma * deviation(change), kFloor * greatest(tube, count));
  double kept = 0, all = 0;
  for (int i = 0; i < count; ++i) {
    const bool moves = change[i] > limit;
    motion[i] = moves ? 1 : 0;
    all += std::max(tube[i], 0.0f);
    if (moves)
      kept += std::max(tube[i], 0.0f);
    else
      tube[i] = 0;
  }
  return t > 1 && all > 0 ? kept / all : kUnknown;
}

void check_sigma(double sigma) {
  check(std::isfinite(sigma) && sigma >= 0, ErrorCode::kUsage,
        "sigma must be a number of standard deviations, 0 or more, not ", sigma);
}

}  // namespace tubecam
