#include "overlay/heat/heat.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "overlay/heat/heat_math.h"

namespace tubecam {
namespace {

constexpr int64_t kMaxGap = 1'000'000'000;  // ns

// The share of the way to its goal that an exponential filter covers in `seconds`.
float progress(double seconds, double time_constant) {
  return time_constant > 0 ? static_cast<float>(1 - std::exp(-seconds / time_constant)) : 1.0f;
}

float finite_or_zero(float value) { return std::isfinite(value) ? value : 0.0f; }

}  // namespace

void HeatSmoother::update(const std::vector<float>& plane, float full, int64_t pts,
                          const std::vector<float>& motion) {
  check(motion.empty() || motion.size() == plane.size(), ErrorCode::kUsage, "motion of ",
        motion.size(), " cells does not fit a plane of ", plane.size());
  const float goal = std::max(finite_or_zero(full), options_.floor);
  const bool restart =
      plane.size() != plane_.size() || pts_ < 0 || pts < pts_ || pts - pts_ > kMaxGap;
  if (restart) {
    plane_.assign(plane.size(), 0.0f);
    motion_.clear();
    scale_ = goal;
  }
  const double seconds = restart ? 0 : 1e-9 * static_cast<double>(pts - pts_);
  const float step = restart ? 1.0f : progress(seconds, options_.smoothing);
  for (size_t i = 0; i < plane.size(); ++i)
    plane_[i] += step * (finite_or_zero(plane[i]) - plane_[i]);
  update_motion(plane, motion, step);
  scale_ += progress(seconds, goal > scale_ ? options_.attack : options_.release) * (goal - scale_);
  pts_ = pts;
}

void HeatSmoother::update_motion(const std::vector<float>& plane, const std::vector<float>& motion,
                                 float step) {
  if (motion.empty()) return motion_.clear();
  if (motion_.empty()) {  // after a restart, or unknown until now
    weight_.assign(plane.size(), 0.0f);
    moving_.assign(plane.size(), 0.0f);
    motion_.resize(plane.size());
    step = 1;
  }
  for (size_t i = 0; i < plane.size(); ++i) {
    const float weight = std::max(finite_or_zero(plane[i]), 0.0f);
    weight_[i] += step * (weight - weight_[i]);
    moving_[i] += step * (weight * cell_motion(motion[i]) - moving_[i]);
    motion_[i] = motion_share(moving_[i], weight_[i]);
  }
}

void HeatSmoother::reset() {
  plane_.clear();
  motion_.clear();
  scale_ = 0;
  pts_ = -1;
}

}  // namespace tubecam
