#include "overlay/heat.h"

#include <algorithm>
#include <cmath>

namespace tubecam {
namespace {

constexpr int64_t kMaxGap = 1'000'000'000;  // ns

// The share of the way to its goal that an exponential filter covers in `seconds`.
float progress(double seconds, double time_constant) {
  return time_constant > 0 ? static_cast<float>(1 - std::exp(-seconds / time_constant)) : 1.0f;
}

float finite_or_zero(float value) { return std::isfinite(value) ? value : 0.0f; }

}  // namespace

void HeatSmoother::update(const std::vector<float>& plane, float tube_max, int64_t pts) {
  const float goal = std::max(finite_or_zero(tube_max), options_.floor);
  const bool afresh =
      plane.size() != plane_.size() || pts_ < 0 || pts < pts_ || pts - pts_ > kMaxGap;
  if (afresh) {
    plane_.assign(plane.size(), 0.0f);
    scale_ = goal;
  }
  const double seconds = afresh ? 0 : 1e-9 * static_cast<double>(pts - pts_);
  const float step = afresh ? 1.0f : progress(seconds, options_.smoothing);
  for (size_t i = 0; i < plane.size(); ++i)
    plane_[i] += step * (finite_or_zero(plane[i]) - plane_[i]);
  scale_ += progress(seconds, goal > scale_ ? options_.attack : options_.release) * (goal - scale_);
  pts_ = pts;
}

void HeatSmoother::reset() {
  plane_.clear();
  scale_ = 0;
  pts_ = -1;
}

}  // namespace tubecam
