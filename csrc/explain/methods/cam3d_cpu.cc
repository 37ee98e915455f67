#include "explain/methods/cam3d_cpu.h"

#include "base/macros.h"
#include "explain/methods/cam3d_math.h"

// Note [One function, several instruction sets]
// TUBECAM_MULTIVERSION clones a function with what is inlined into it. So the loops below are
// forced inline into the one function that is cloned.
#define TUBECAM_INLINE static inline __attribute__((always_inline))

namespace tubecam {
namespace {

using cam3d_math::alpha;
using cam3d_math::ratio_or_zero;
using cam3d_math::relu;

// Sums f(0) … f(n−1) in eight fixed lanes: vectors of any width give the same order of addition.
template <typename F>
TUBECAM_INLINE double sum_of(int n, F f) {
  constexpr int kLanes = 8;
  double lane[kLanes] = {};
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lane[j] += f(i + j);
  }
  for (int j = 0; i < n; ++i, ++j) lane[j] += f(i);
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

TUBECAM_INLINE double sum(const float* x, int n) {
  return sum_of(n, [x](int i) { return double(x[i]); });
}

TUBECAM_INLINE void add_weighted(double weight, const float* a, int n,
                                 double* __restrict relevance) {
  for (int i = 0; i < n; ++i) relevance[i] += weight * double(a[i]);
}

// x · 0 is NaN exactly where x is NaN or infinite.
TUBECAM_INLINE bool all_finite(const float* x, int n) {
  return sum_of(n, [x](int i) { return double(x[i] * 0.0f); }) == 0;
}

// The weight of a channel whose gradient is weight/Z everywhere.
TUBECAM_INLINE double closed_weight(CamMethod method, double weight, const float* a, int n) {
  switch (method) {
    case CamMethod::kLayerCam:
      return relu(weight) / n;
    case CamMethod::kGradCamPlusPlus:
      return alpha(weight / n, sum(a, n)) * relu(weight / n);
    case CamMethod::kXGradCam:
      return sum(a, n) == 0 ? 0 : weight / n;
    default:
      return weight / n;
  }
}

TUBECAM_INLINE double pooled_weight(CamMethod method, const float* g, const float* a, int n) {
  if (method == CamMethod::kGradCamPlusPlus) {
    const double total = sum(a, n);
    return sum_of(n, [=](int i) { return alpha(double(g[i]), total) * relu(double(g[i])); }) / n;
  }
  if (method == CamMethod::kXGradCam) {
    return ratio_or_zero(sum_of(n, [=](int i) { return double(g[i]) * a[i]; }), sum(a, n));
  }
  return sum(g, n) / n;
}

TUBECAM_INLINE void add_channel(CamMethod method, const float* g, const float* a,
                                const CamInput& input, double* __restrict relevance) {
  const int plane = input.h * input.w, n = input.t * plane;
  if (method == CamMethod::kHiResCam) {
    for (int i = 0; i < n; ++i) relevance[i] += double(g[i]) * a[i];
  } else if (method == CamMethod::kLayerCam) {
    for (int i = 0; i < n; ++i) relevance[i] += relu(double(g[i])) * a[i];
  } else if (method == CamMethod::kGradCamFrame) {
    for (int i = 0; i < n; i += plane) {
      add_weighted(sum(g + i, plane) / plane, a + i, plane, relevance + i);
    }
  } else {
    add_weighted(pooled_weight(method, g, a, n), a, n, relevance);
  }
}

TUBECAM_MULTIVERSION bool accumulate(const CamInput& input, CamMethod method, double* relevance) {
  const int n = input.t * input.h * input.w;
  bool finite = true;
  for (int k = 0; k < input.channels; ++k) {
    const float* a = input.activation + int64_t{k} * n;
    if (input.weight) {
      finite &= all_finite(input.weight + k, 1);
      add_weighted(closed_weight(method, input.weight[k], a, n), a, n, relevance);
    } else {
      const float* g = input.gradient + int64_t{k} * n;
      finite &= all_finite(g, n);
      add_channel(method, g, a, input, relevance);
    }
  }
  return finite;
}

}  // namespace

bool accumulate_relevance_cpu(const CamInput& input, CamMethod method, double* relevance) {
  return accumulate(input, method, relevance);
}

}  // namespace tubecam
