// Winograd's minimal filtering F(4, 3) along an axis, with the points 0, ±1, ±2 and ∞: four outputs
// of a three-tap filter from six inputs by six products instead of twelve.
// Winograd 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
#pragma once

namespace tubecam::winograd {

constexpr int kTile = 4;   // outputs of a tile along y and x
constexpr int kPatch = 6;  // inputs that they need
constexpr int kTaps = 3;

// Bᵀ d: six inputs, `step` apart, to six, `to_step` apart. T: float, double or a vector of them.
template <typename T>
inline __attribute__((always_inline)) void transform_input(const T* d, int step, T* to,
                                                           int to_step) {
  const T d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
  const T even1 = d4 - 4.0f * d2, odd1 = d3 - 4.0f * d1;
  const T even2 = d4 - d2, odd2 = 2.0f * (d3 - d1);
  to[0] = 4.0f * d[0] - 5.0f * d2 + d4;
  to[to_step] = even1 + odd1;
  to[2 * to_step] = even1 - odd1;
  to[3 * to_step] = even2 + odd2;
  to[4 * to_step] = even2 - odd2;
  to[5 * to_step] = 4.0f * d1 - 5.0f * d3 + d[5 * step];
}

// Aᵀ m: six products to four outputs.
template <typename T>
inline __attribute__((always_inline)) void transform_output(const T* m, int step, T* to,
                                                            int to_step) {
  const T even1 = m[step] + m[2 * step], odd1 = m[step] - m[2 * step];
  const T even2 = m[3 * step] + m[4 * step], odd2 = m[3 * step] - m[4 * step];
  to[0] = m[0] + even1 + even2;
  to[to_step] = odd1 + 2.0f * odd2;
  to[2 * to_step] = even1 + 4.0f * even2;
  to[3 * to_step] = odd1 + 8.0f * odd2 + m[5 * step];
}

// G g: three taps to six factors.
inline void transform_kernel(const double* g, int step, double* to, int to_step) {
  const double even = g[0] + g[2 * step], odd = g[step];
  const double even2 = g[0] + 4 * g[2 * step], odd2 = 2 * g[step];
  to[0] = g[0] / 4;
  to[to_step] = -(even + odd) / 6;
  to[2 * to_step] = -(even - odd) / 6;
  to[3 * to_step] = (even2 + odd2) / 24;
  to[4 * to_step] = (even2 - odd2) / 24;
  to[5 * to_step] = g[2 * step];
}

}  // namespace tubecam::winograd
