// The arithmetic of one element of cam3d, shared by its CPU and CUDA loops.
#pragma once

#include "base/macros.h"

namespace tubecam::cam3d_math {

// Lets NaN through, so that it is noticed.
TUBECAM_HOST_DEVICE double relu(double x) { return x < 0 ? 0 : x; }

// Grad-CAM++: α = g²/(2g² + g³ ΣA), cancelled by g², which cannot underflow.
TUBECAM_HOST_DEVICE double alpha(double g, double activation_sum) {
  const double denominator = 2 + g * activation_sum;
  return g == 0 || denominator == 0 ? 0 : 1 / denominator;
}

TUBECAM_HOST_DEVICE double ratio_or_zero(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace tubecam::cam3d_math
