#include "engine/winograd/winograd.h"

#include <algorithm>

#include "engine/winograd/winograd_block.h"
#include "engine/winograd/winograd_math.h"

namespace tubecam {
namespace {

using winograd::kComponents;
using winograd::kPanel;
using winograd::kPatch;
using winograd::kTaps;
using winograd::kTile;
using winograd::kVector;

// Of V in a block; M has as much again, and both should stay in the cache. But all factors are read
// again for each block, so where they are more, a block may be as large as they are.
constexpr int64_t kBlockValues = 512 * 1024, kBlockLimit = 4 * kBlockValues;

int divide_up(int a, int b) { return (a + b - 1) / b; }
int round_up(int a, int b) { return divide_up(a, b) * b; }

// At least `values`, and an odd number of cache lines: components that lay a multiple of a page
// apart would drive each other out of the L1 cache.
size_t odd_lines(size_t values) {
  constexpr size_t kLine = 16;
  return ((values + kLine - 1) / kLine | 1) * kLine;
}

// 3×3 taps → 6×6 factors.
void transform_taps(const float* taps, double* factors) {
  double plane[kTaps * kTaps], half[kPatch * kTaps];
  std::copy(taps, taps + kTaps * kTaps, plane);
  for (int x = 0; x < kTaps; ++x) {
    winograd::transform_kernel(plane + x, kTaps, half + x, kTaps);
  }
  for (int y = 0; y < kPatch; ++y) {
    winograd::transform_kernel(half + kTaps * y, 1, factors + kPatch * y, 1);
  }
}

int64_t tiles_in_frame(const ConvolutionShape& shape) {
  return int64_t(divide_up(shape.out[1], kTile)) * divide_up(shape.out[2], kTile);
}

}  // namespace

int64_t ConvolutionShape::multiplications() const {
  return int64_t(inputs) * outputs * kernel_t * kTaps * kTaps * out[0] * out[1] * out[2];
}

// In units of one multiplication of the direct form, from measurements: products of matrices run at
// 0.85 of its speed, a transformed value costs as much as 50, and reading a factor from memory 26.
bool Winograd::pays(const ConvolutionShape& shape) {
  const double tiles = double(tiles_in_frame(shape));
  const double factors = double(kComponents) * shape.inputs * shape.outputs * shape.kernel_t;
  const double products = factors * tiles * shape.out[0] / 0.85;
  const double values = double(shape.in[0]) * round_up(shape.inputs, kVector) +
                        double(shape.out[0]) * round_up(shape.outputs, kPanel);
  const double cost = std::max(products, 26 * factors) + 50 * kComponents * tiles * values;
  return cost < 0.9 * double(shape.multiplications());
}

Winograd::Winograd(const ConvolutionShape& shape, const std::vector<float>& weights,
                   const std::vector<float>& bias)
    : shape_(shape),
      tiles_y_(divide_up(shape.out[1], kTile)),
      tiles_x_(divide_up(shape.out[2], kTile)),
      columns_(round_up(shape.outputs, kPanel)),
      depth_(round_up(shape.inputs, kVector)),
      bias_(size_t(columns_)) {
  std::copy(bias.begin(), bias.end(), bias_.begin());
  const int64_t row = int64_t(kComponents) * shape.in[0] * tiles_x_ * depth_;
  const int64_t factors = int64_t(kComponents) * columns_ * shape.kernel_t * shape.inputs;
  const int64_t values = std::clamp(factors, kBlockValues, kBlockLimit);
  rows_ = int(std::clamp<int64_t>(values / row, 1, tiles_y_));
  const size_t panels = size_t(columns_ / kPanel), steps = size_t(shape.kernel_t) * shape.inputs;
  kernel_.resize(kComponents * panels * steps * kPanel);
  double transformed[kComponents];
  for (int output = 0; output < shape.outputs; ++output) {
    for (int input = 0; input < shape.inputs; ++input) {
      for (int tap = 0; tap < shape.kernel_t; ++tap) {
        const size_t at = (size_t(output) * shape.inputs + input) * shape.kernel_t + tap;
        transform_taps(weights.data() + at * kTaps * kTaps, transformed);
        const size_t step = size_t(tap) * shape.inputs + input;
        for (size_t component = 0; component < kComponents; ++component) {
          const size_t panel = component * panels + output / kPanel;
          kernel_[(panel * steps + step) * kPanel + output % kPanel] =
              float(transformed[component]);
        }
      }
    }
  }
}

void Winograd::run(const float* input, const float* residual, bool relu, float* output,
                   ThreadTeam& team) const {
  const size_t tiles = size_t(rows_) * tiles_x_;
  const size_t in_step = odd_lines(shape_.in[0] * tiles * depth_);
  const size_t out_step = odd_lines(shape_.out[0] * tiles * columns_);
  static thread_local std::vector<float> scratch;  // V and M: as large as the largest layer's
  scratch.resize(std::max(scratch.size(), kComponents * (in_step + out_step)));
  float* const transformed = scratch.data();
  float* const products = transformed + kComponents * in_step;
  team.run([&](const ThreadTeam::Member& member) {
    static thread_local std::vector<float> stage;
    stage.resize(std::max(stage.size(), size_t(kComponents) * depth_));
    for (int first = 0; first < tiles_y_; first += rows_) {
      const int rows = std::min(rows_, tiles_y_ - first);
      const winograd::Block block = {&shape_,  first,       rows,     tiles_x_, depth_,
                                     columns_, transformed, products, in_step,  out_step};
      for (int i = member.index; i < shape_.in[0] * rows; i += member.size) {
        winograd::transform_inputs(block, input, i / rows, i % rows, stage.data());
      }
      member.meet();
      for (int i = member.index; i < kComponents; i += member.size) {
        winograd::multiply(block, kernel_.data(), i);
      }
      member.meet();
      const winograd::Finish finish = {bias_.data(), residual, relu};
      for (int i = member.index; i < shape_.out[0] * rows; i += member.size) {
        winograd::transform_outputs(block, finish, output, i / rows, i % rows);
      }
      member.meet();
    }
  });
}

}  // namespace tubecam
