// The arithmetic of one element of cam3d, shared by its CPU and CUDA loops.
#pragma once

#include <cmath>

#include "base/macros.h"

namespace tubecam::cam3d_math {

// max(x, 0) in arithmetic that is exact, vectorises and lets NaN through. −∞ becomes NaN.
TUBECAM_HOST_DEVICE double relu(double x) { return 0.5 * (x + std::fabs(x)); }

// Grad-CAM++: α = g²/(2g² + g³ ΣA), cancelled by g², which cannot underflow. α only ever meets
// ReLU(g), so g = 0 needs no case of its own.
TUBECAM_HOST_DEVICE double alpha(double g, double activation_sum) {
  const double denominator = 2 + g * activation_sum;
  return 1 / (denominator == 0 ? HUGE_VAL : denominator);
}

TUBECAM_HOST_DEVICE double ratio_or_zero(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace tubecam::cam3d_math
