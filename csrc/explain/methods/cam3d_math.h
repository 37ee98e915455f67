// The arithmetic of one element of cam3d, shared by its CPU loops (float64) and CUDA loops
// (float32).
#pragma once

#include <cmath>

#include "base/macros.h"

namespace tubecam::cam3d_math {

// max(x, 0) in arithmetic that is exact, vectorises and lets NaN through. −∞ becomes NaN.
template <typename Real>
TUBECAM_HOST_DEVICE Real relu(Real x) {
  return Real(0.5) * (x + std::fabs(x));
}

// Grad-CAM++: α = g²/(2g² + g³ ΣA), cancelled by g², which cannot underflow. α only ever meets
// ReLU(g), so g = 0 needs no case of its own.
template <typename Real>
TUBECAM_HOST_DEVICE Real alpha(Real g, Real activation_sum) {
  const Real denominator = 2 + g * activation_sum;
  return 1 / (denominator == 0 ? Real(HUGE_VAL) : denominator);
}

template <typename Real>
TUBECAM_HOST_DEVICE Real ratio_or_zero(Real numerator, Real denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace tubecam::cam3d_math
