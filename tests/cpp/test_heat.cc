#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "overlay/heat.h"

namespace tubecam {
namespace {

constexpr int64_t kFrame = 33'333'333;  // ns
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(HeatSmoother, StartsWithTheFirstPlane) {
  HeatSmoother smoother;
  smoother.update({1, 2, 3}, 4, 0);
  EXPECT_EQ(smoother.plane(), (std::vector<float>{1, 2, 3}));
  EXPECT_FLOAT_EQ(smoother.scale(), 4);
}

TEST(HeatSmoother, KeepsAConstant) {
  HeatSmoother smoother;
  for (int i = 0; i < 50; ++i) smoother.update({0.25f, 2}, 2, i * kFrame);
  EXPECT_FLOAT_EQ(smoother.plane()[0], 0.25f);
  EXPECT_FLOAT_EQ(smoother.plane()[1], 2);
  EXPECT_FLOAT_EQ(smoother.scale(), 2);
}

TEST(HeatSmoother, AReplacedWindowGlidesIn) {
  HeatSmoother smoother;
  smoother.update({0}, 1, 0);
  const float step = 1 - std::exp(-33.333333e-3f / 0.08f);
  float before = 0;
  for (int i = 1; i <= 30; ++i) {
    smoother.update({1}, 1, i * kFrame);
    EXPECT_NEAR(smoother.plane()[0], before + step * (1 - before), 1e-5);
    EXPECT_LE(smoother.plane()[0] - before, step + 1e-5f);
    before = smoother.plane()[0];
  }
  EXPECT_GT(before, 0.99f);
}

TEST(HeatSmoother, TheSameTimeForAnyFrameRate) {
  HeatSmoother slow, fast;
  for (int i = 0; i <= 10; ++i) slow.update({i ? 1.0f : 0.0f}, 1, i * 100'000'000LL);
  for (int i = 0; i <= 100; ++i) fast.update({i ? 1.0f : 0.0f}, 1, i * 10'000'000LL);
  EXPECT_NEAR(slow.plane()[0], fast.plane()[0], 1e-4);
}

TEST(HeatSmoother, TheScaleRisesFastAndFallsSlowly) {
  HeatSmoother smoother;
  smoother.update({0}, 1, 0);
  int64_t pts = 0;
  for (int i = 0; i < 30; ++i) smoother.update({0}, 10, pts += kFrame);  // 1 s
  const float high = smoother.scale();
  EXPECT_NEAR(high, 10 - 9 * std::exp(-1 / 0.3), 0.02);
  for (int i = 0; i < 30; ++i) smoother.update({0}, 1, pts += kFrame);
  EXPECT_NEAR(smoother.scale(), 1 + (high - 1) * std::exp(-1 / 6.0), 0.02);
}

TEST(HeatSmoother, TheScaleHasAFloor) {
  HeatSmoother smoother;
  smoother.update({0}, 0, 0);
  EXPECT_FLOAT_EQ(smoother.scale(), 1e-3f);
  smoother.update({0}, -5, kFrame);
  EXPECT_FLOAT_EQ(smoother.scale(), 1e-3f);
}

// What starts afresh takes a plane as it is, at once.
TEST(HeatSmoother, ChangesThatStartAfresh) {
  const auto after = [](std::vector<float> plane, int64_t pts) {
    HeatSmoother smoother;
    smoother.update({0, 0}, 1, 2'000'000'000);
    smoother.update(plane, 1, pts);
    return smoother.plane().back();
  };
  EXPECT_LT(after({1, 1}, 2'000'000'000 + kFrame), 0.5f);
  EXPECT_LT(after({1, 1}, 3'000'000'000), 1.0f) << "a gap of 1 s is not over it";
  EXPECT_FLOAT_EQ(after({1, 1}, 3'000'000'001), 1) << "a gap";
  EXPECT_FLOAT_EQ(after({1, 1}, 1'999'999'999), 1) << "a step back";
  EXPECT_FLOAT_EQ(after({1, 1, 1}, 2'000'000'000 + kFrame), 1) << "another size";
}

TEST(HeatSmoother, ResetForgets) {
  HeatSmoother smoother;
  smoother.update({0}, 1, 0);
  smoother.reset();
  EXPECT_TRUE(smoother.plane().empty());
  smoother.update({5}, 7, kFrame);
  EXPECT_FLOAT_EQ(smoother.plane()[0], 5);
  EXPECT_FLOAT_EQ(smoother.scale(), 7);
}

TEST(HeatSmoother, NanAndInfinityCountAsZero) {
  HeatSmoother smoother;
  smoother.update({kNan, INFINITY, 3}, kNan, 0);
  EXPECT_EQ(smoother.plane(), (std::vector<float>{0, 0, 3}));
  smoother.update({1, 1, kNan}, INFINITY, kFrame);
  for (const float value : smoother.plane()) EXPECT_TRUE(std::isfinite(value));
  EXPECT_TRUE(std::isfinite(smoother.scale()));
}

}  // namespace
}  // namespace tubecam
