// A 3-D convolution with 3×3 kernels in space by fewer multiplications: F(4×4, 3×3) in y and x, the
// taps in time summed inside the product of matrices.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/export.h"
#include "engine/winograd/thread_team.h"

namespace tubecam {

// Stride and dilation 1, one group, batch 1.
struct ConvolutionShape {
  int inputs = 0, outputs = 0;     // channels
  std::array<int, 3> in{}, out{};  // t, h, w
  std::array<int, 3> pad{};        // zeros in front, t, y, x
  int kernel_t = 3;                // by 3 by 3

  int64_t multiplications() const;  // of the direct form
};

// Note [Winograd]
// A tile of 4×4 outputs needs a patch of 6×6 inputs. Both kernel and patch are transformed into 36
// components; a component of all tiles and channels is one product of matrices,
//
//   M[tile, output] = Σ over taps in time and inputs of V[tile + tap, input]·U[tap, input, output],
//
// a quarter of the direct form's multiplications; the transform of M gives the outputs. A tap in
// time is an offset of whole frames in V, and taps that fall outside the clip are left out.
// Channels lie side by side, so that all transforms work on whole vectors of them.
// Rows of tiles are taken together in blocks such that V and M stay in the cache.
// In float32 the result differs from the direct form's by less than 1e-5 of the largest output for
// inputs and kernels of one scale; the transforms multiply by up to 5 and 8.
class TUBECAM_API Winograd {
 public:
  // weights [outputs, inputs, kernel_t, 3, 3], bias [outputs] or empty.
  Winograd(const ConvolutionShape& shape, const std::vector<float>& weights,
           const std::vector<float>& bias);

  // input [t, h, w, inputs] → output [t', h', w', outputs] = convolution + bias (+ residual), then
  // max(·, 0) with `relu`. residual: like the output, or null. Safe to call from several threads.
  void run(const float* input, const float* residual, bool relu, float* output,
           ThreadTeam& team) const;

  const ConvolutionShape& shape() const { return shape_; }

  // Whether this form is expected to beat the direct one, from the multiplications and the bytes
  // that each needs.
  static bool pays(const ConvolutionShape& shape);

 private:
  ConvolutionShape shape_;
  int tiles_y_ = 0, tiles_x_ = 0;
  int columns_ = 0;            // outputs rounded up to whole panels
  int depth_ = 0;              // inputs rounded up to whole vectors
  int rows_ = 0;               // of tiles in a block
  std::vector<float> kernel_;  // [36, panel, tap, input, 16]
  std::vector<float> bias_;    // [columns_]
};

}  // namespace tubecam
