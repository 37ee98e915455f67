#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "overlay/heat/full_heat.h"
#include "overlay/heat/heat.h"

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
  EXPECT_FLOAT_EQ(smoother.scale(), 1e-9f);
  smoother.update({0}, -5, kFrame);
  EXPECT_FLOAT_EQ(smoother.scale(), 1e-9f);
}

// After a restart a plane is taken as it is, at once.
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

// ---- Full heat ----

// A tube of 5×8×5 cells, of which the first `hot` share `sum` evenly.
Evidence evidence_of(int hot, float sum, double decision, const char* unit = "logit") {
  std::vector<float> tube(200, 0.0f);
  std::fill(tube.begin(), tube.begin() + hot, sum / static_cast<float>(hot));
  return weigh({tube.data(), 5, 8, 5}, unit, decision, kNan);
}

// The heat of the peak.
float heat_of(const Evidence& evidence) { return evidence.peak / full_heat(evidence); }

TEST(FullHeat, IsASixthOfTheClip) {
  EXPECT_NEAR(full_heat(evidence_of(40, 4, 4)), 4 * 6 / 200.0, 1e-6);
  EXPECT_NEAR(heat_of(evidence_of(40, 4, 4)), 200 / 6.0 / 40, 1e-5);
  EXPECT_NEAR(heat_of(evidence_of(50, 4, 4)), 200 / 6.0 / 50, 1e-5);
}

TEST(FullHeat, IsThePeakWhereThatIsHigher) {
  for (const int hot : {2, 10, 33}) EXPECT_FLOAT_EQ(heat_of(evidence_of(hot, 4, 4)), 1) << hot;
}

TEST(FullHeat, WhatIsWeakLooksWeak) {
  const float strong = heat_of(evidence_of(20, 4, 4));
  EXPECT_FLOAT_EQ(strong, 1);
  EXPECT_FLOAT_EQ(heat_of(evidence_of(200, 4, 4)), 1 / 3.0f) << "flat";
  EXPECT_NEAR(heat_of(evidence_of(20, 1.6f, 4)), 0.6667f, 1e-3) << "a small part of the logit";
  EXPECT_NEAR(heat_of(evidence_of(20, 0.4f, 0.4)), 0.6667f, 1e-3) << "a small logit";
  EXPECT_FLOAT_EQ(heat_of(evidence_of(20, 0.02f, 4)), 1 / 3.0f) << "faint, and not gone";
}

// 0.013 logits are not as hot as 0.16 in tubes of one grid whose logits are alike.
TEST(FullHeat, IsMuchTheSameForAlikeDecisions) {
  const float weak = full_heat(evidence_of(10, 0.13f, 2)),
              strong = full_heat(evidence_of(10, 1.6f, 2));
  EXPECT_LT(0.013f / weak, 0.4f);
  EXPECT_FLOAT_EQ(0.16f / strong, 1);
}

TEST(FullHeat, AnotherUnitHasItsOwnSumAlone) {
  const Evidence shares = evidence_of(50, 0.01f, 7, "share");
  EXPECT_TRUE(std::isnan(shares.decision));
  EXPECT_FLOAT_EQ(full_heat(shares), 0.01f * 6 / 200);
  EXPECT_EQ(describe_full(0.0003f, shares), "6.0 times an even share");
  EXPECT_EQ(describe_full(1, evidence_of(50, 0, 7, "logit per input")), "");
}

TEST(FullHeat, ScoresHaveNoAbsoluteMeasure) {
  const Evidence score = evidence_of(50, 0.01f, 0.02, "score");
  EXPECT_FLOAT_EQ(full_heat(score), 0.02f * 6 / 200);
  EXPECT_EQ(describe_full(0.002f, score), "0.0020 of score (10 % of 0.020)");
  EXPECT_EQ(evidence_of(50, 0.01f, -0.02, "log-probability").amount(), 1);
}

TEST(FullHeat, DecisionsAreToldFromTheBaseline) {
  const float one = 1;
  const auto decision = [&](double logit, double baseline) {
    return weigh({&one, 1, 1, 1}, "logit", logit, baseline).decision;
  };
  EXPECT_EQ(decision(-3, kNan), -3);
  EXPECT_EQ(decision(3, 1), 2);
  EXPECT_EQ(decision(kNan, kNan), 0);
}

TEST(FullHeat, SinglePixelsAreNoScale) {
  std::vector<float> tube(1000, 1.0f);
  for (int i = 0; i < 5; ++i) tube[static_cast<size_t>(i)] = 1000;
  EXPECT_FLOAT_EQ(weigh({tube.data(), 10, 10, 10}, "logit", 1, kNan).peak, 1);
  tube[5] = 1000;
  EXPECT_FLOAT_EQ(weigh({tube.data(), 10, 10, 10}, "logit", 1, kNan).peak, 1000);
}

TEST(FullHeat, OddTubesHaveAScale) {
  for (const float value : {0.0f, -2.0f, kNan, INFINITY, 1e-30f, 1e30f}) {
    const Evidence one = weigh({&value, 1, 1, 1}, "share", 0, kNan);
    const Evidence other = weigh({&value, 1, 1, 1}, "logit", kNan, kNan);
    EXPECT_TRUE(std::isfinite(full_heat(one)) && full_heat(other) > 0) << value;
  }
}

TEST(FullHeat, WhatIsEvenInTimeFillsHalfOfTheCurve) {
  EXPECT_FLOAT_EQ(full_curve(evidence_of(200, 4, 4), 0.8f), 1.6f);
  EXPECT_FLOAT_EQ(full_curve(evidence_of(40, 4, 4), 4), 4);
}

TEST(FullHeat, IsToldInWords) {
  EXPECT_EQ(describe_full(0.16f, evidence_of(20, 3, 3.2)), "0.16 logits (5.0 % of 3.2)");
  EXPECT_EQ(describe_full(0.0999f, evidence_of(20, 3, -9.99)), "0.10 logits (1.0 % of -10)");
  EXPECT_EQ(describe_full(0.5f, evidence_of(20, 3, 0.4)), "0.50 logits");
  EXPECT_EQ(describe_full(1234, evidence_of(20, 3, 0)), "1234 logits");
}

}  // namespace
}  // namespace tubecam
