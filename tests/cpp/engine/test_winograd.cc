// Winograd's convolution against the definition in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "engine/winograd/thread_team.h"
#include "engine/winograd/winograd.h"

namespace tubecam {
namespace {

ConvolutionShape make_shape(int inputs, int outputs, int kernel_t, std::array<int, 3> in,
                            std::array<int, 3> pad) {
  ConvolutionShape shape;
  shape.inputs = inputs;
  shape.outputs = outputs;
  shape.kernel_t = kernel_t;
  shape.in = in;
  shape.pad = pad;
  const int kernel[] = {kernel_t, 3, 3};
  for (size_t i = 0; i < 3; ++i) shape.out[i] = in[i] + 2 * pad[i] - kernel[i] + 1;
  return shape;
}

size_t volume(const std::array<int, 3>& size) { return size_t(size[0]) * size[1] * size[2]; }

struct Problem {
  ConvolutionShape shape;
  std::vector<float> input, weights, bias, residual;

  Problem(const ConvolutionShape& of, unsigned seed, float scale = 1) : shape(of) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](size_t size, float spread) {
      std::vector<float> values(size);
      for (float& value : values) value = spread * normal(random);
      return values;
    };
    input = fill(size_t(shape.inputs) * volume(shape.in), scale);
    weights = fill(size_t(shape.outputs) * shape.inputs * shape.kernel_t * 9,
                   1 / std::sqrt(float(shape.inputs * shape.kernel_t * 9)));
    bias = fill(size_t(shape.outputs), scale);
    residual = fill(size_t(shape.outputs) * volume(shape.out), scale);
  }

  double sum(int output, int t, int y, int x) const {
    double total = bias[size_t(output)];
    for (int c = 0; c < shape.inputs; ++c) {
      for (int k = 0; k < shape.kernel_t * 9; ++k) {
        const int at[] = {t + k / 9 - shape.pad[0], y + k / 3 % 3 - shape.pad[1],
                          x + k % 3 - shape.pad[2]};
        bool inside = true;
        for (int i = 0; i < 3; ++i) inside &= at[i] >= 0 && at[i] < shape.in[size_t(i)];
        if (!inside) continue;
        const size_t place =
            ((size_t(at[0]) * shape.in[1] + at[1]) * shape.in[2] + at[2]) * shape.inputs + c;
        const size_t weight = (size_t(output) * shape.inputs + c) * shape.kernel_t * 9 + size_t(k);
        total += double(input[place]) * weights[weight];
      }
    }
    return total;
  }

  std::vector<double> sums() const {
    std::vector<double> found;
    for (int t = 0; t < shape.out[0]; ++t) {
      for (int y = 0; y < shape.out[1]; ++y) {
        for (int x = 0; x < shape.out[2]; ++x) {
          for (int output = 0; output < shape.outputs; ++output)
            found.push_back(sum(output, t, y, x));
        }
      }
    }
    return found;
  }

  // The largest difference, over the largest value.
  double error(const std::vector<double>& sums, const std::vector<float>& found, bool with_residual,
               bool relu) const {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < sums.size(); ++i) {
      double expected = sums[i] + (with_residual ? residual[i] : 0);
      if (relu) expected = std::max(expected, 0.0);
      worst = std::max(worst, std::fabs(found[i] - expected));
      largest = std::max(largest, std::fabs(expected));
    }
    return worst / largest;
  }

  std::vector<float> run(ThreadTeam& team, bool with_residual, bool relu) const {
    std::vector<float> output(residual.size(), std::numeric_limits<float>::quiet_NaN());
    Winograd(shape, weights, bias)
        .run(input.data(), with_residual ? residual.data() : nullptr, relu, output.data(), team);
    return output;
  }
};

class WinogradTest : public testing::TestWithParam<ConvolutionShape> {};

TEST_P(WinogradTest, AgreesWithTheDefinition) {
  ThreadTeam team(2);
  const Problem problem(GetParam(), 7);
  const std::vector<double> sums = problem.sums();
  for (const bool residual : {false, true}) {
    for (const bool relu : {false, true}) {
      EXPECT_LT(problem.error(sums, problem.run(team, residual, relu), residual, relu), 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, WinogradTest,
    testing::Values(make_shape(8, 16, 3, {4, 8, 8}, {1, 1, 1}),        // whole tiles, one panel
                    make_shape(13, 17, 3, {5, 9, 11}, {1, 1, 1}),      // nothing is a multiple
                    make_shape(16, 40, 1, {3, 7, 6}, {0, 1, 1}),       // no taps in time
                    make_shape(9, 20, 3, {1, 5, 5}, {1, 1, 1}),        // one frame
                    make_shape(3, 8, 3, {6, 10, 10}, {0, 0, 0}),       // no padding
                    make_shape(8, 8, 5, {7, 12, 4}, {2, 2, 2}),        // wide padding
                    make_shape(24, 33, 2, {4, 30, 45}, {1, 1, 0}),     // an even kernel in time
                    make_shape(16, 8, 3, {2, 6, 6}, {3, 1, 1}),        // frames of padding alone
                    make_shape(32, 16, 3, {2, 18, 90}, {1, 4, 5}),     // padding wider than a tile
                    make_shape(16, 16, 3, {20, 56, 30}, {1, 1, 1})));  // several blocks of rows

TEST(Winograd, KeepsItsPrecisionAtAnyScale) {
  ThreadTeam team(1);
  for (const float scale : {1e-6f, 1e6f}) {
    const Problem problem(make_shape(32, 16, 3, {3, 8, 8}, {1, 1, 1}), 3, scale);
    EXPECT_LT(problem.error(problem.sums(), problem.run(team, true, false), true, false), 1e-5)
        << scale;
  }
}

TEST(Winograd, GivesTheSameWithAnyNumberOfThreads) {
  const Problem problem(make_shape(20, 36, 3, {6, 20, 20}, {1, 1, 1}), 5);
  ThreadTeam one(1), three(3);
  EXPECT_EQ(problem.run(one, true, true), problem.run(three, true, true));
}

TEST(Winograd, ServesSeveralCallersAtOnce) {
  const Problem problem(make_shape(16, 16, 3, {4, 12, 12}, {1, 1, 1}), 9);
  const Winograd winograd(problem.shape, problem.weights, problem.bias);
  ThreadTeam team(2);
  const std::vector<float> expected = problem.run(team, false, true);
  std::atomic<int> wrong{0};
  const auto call = [&] {
    std::vector<float> output(expected.size());
    for (int i = 0; i < 20; ++i) {
      winograd.run(problem.input.data(), nullptr, true, output.data(), team);
      wrong += output != expected;
    }
  };
  std::thread other(call);
  call();
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Winograd, PaysForWideLayersOnly) {
  EXPECT_TRUE(Winograd::pays(make_shape(64, 64, 3, {16, 56, 56}, {1, 1, 1})));
  EXPECT_TRUE(Winograd::pays(make_shape(256, 256, 3, {4, 14, 14}, {1, 1, 1})));
  EXPECT_FALSE(Winograd::pays(make_shape(512, 512, 3, {2, 7, 7}, {1, 1, 1})));  // factors: 113 MB
  EXPECT_FALSE(Winograd::pays(make_shape(3, 64, 3, {16, 112, 112}, {1, 1, 1})));
}

}  // namespace
}  // namespace tubecam
