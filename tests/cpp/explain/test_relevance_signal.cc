// Windows that overlap become one signal on absolute time.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "explain/tube/relevance_signal.h"

namespace tubecam {
namespace {

using Samples = std::vector<RelevanceSignal::Sample>;

constexpr double kFps = 15;
constexpr int kLength = 16;

int64_t pts_of(int slice) { return std::llround(slice * 1e9 / kFps); }

Window window_at(int first, uint64_t segment = 0) {
  Window window;
  for (int i = 0; i < kLength; ++i) window.pts.push_back(pts_of(first + i));
  window.segment = segment;
  return window;
}

// Windows every `hop` sampled frames of a stream whose relevance at each sampled frame is `truth`.
template <typename Truth>
Samples fuse(RelevanceSignal& signal, int windows, int hop, const Truth& truth) {
  Samples all;
  for (int k = 0; k < windows; ++k) {
    std::vector<float> curve;
    for (int i = 0; i < kLength; ++i) curve.push_back(truth(k * hop + i));
    for (const auto& sample : signal.add(window_at(k * hop), curve.data())) all.push_back(sample);
  }
  for (const auto& sample : signal.flush()) all.push_back(sample);
  return all;
}

class Hop : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(RelevanceSignal, Hop, testing::Values(1, 3, 4, 7, 16));

TEST_P(Hop, ConstantCurvesFuseToTheConstant) {
  RelevanceSignal signal(kFps);
  const Samples all = fuse(signal, 9, GetParam(), [](int) { return 3.5f; });
  ASSERT_EQ(all.size(), size_t(8 * GetParam() + kLength));
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].pts, pts_of(int(i)));
    EXPECT_FLOAT_EQ(all[i].value, 3.5f);
  }
}

TEST_P(Hop, PulseStaysAtItsTime) {
  RelevanceSignal signal(kFps);
  const Samples all = fuse(signal, 9, GetParam(), [](int i) { return i == 21 ? 1.0f : 0.0f; });
  for (size_t i = 0; i < all.size(); ++i) EXPECT_FLOAT_EQ(all[i].value, i == 21 ? 1 : 0) << i;
}

TEST(RelevanceSignal, MiddleOfAWindowCountsMost) {
  RelevanceSignal signal(kFps);
  const std::vector<float> low(kLength, 0.0f), high(kLength, 1.0f);
  signal.add(window_at(0), low.data());
  signal.add(window_at(8), high.data());
  EXPECT_LT(signal.at(pts_of(9)), 0.5f);   // near the first one's middle
  EXPECT_GT(signal.at(pts_of(14)), 0.5f);  // near the second one's
  EXPECT_FLOAT_EQ(signal.at(pts_of(0)), 0);
  EXPECT_FLOAT_EQ(signal.at(pts_of(23)), 1);
  EXPECT_FLOAT_EQ(signal.at(pts_of(24)), 0);  // not covered by a window
}

TEST(RelevanceSignal, ValuesAreFinalWhenTheyCome) {
  RelevanceSignal signal(kFps);
  const std::vector<float> curve(kLength, 1.0f);
  EXPECT_TRUE(signal.add(window_at(0), curve.data()).empty());  // the next may begin with it
  const Samples next = signal.add(window_at(4), curve.data());
  ASSERT_EQ(next.size(), 4u);
  EXPECT_EQ(next.front().pts, pts_of(0));
  EXPECT_EQ(next.back().pts, pts_of(3));
}

TEST(RelevanceSignal, GapBetweenWindowsStaysEmpty) {
  RelevanceSignal signal(kFps);
  const std::vector<float> curve(kLength, 1.0f);
  signal.add(window_at(0), curve.data());
  const Samples done = signal.add(window_at(40), curve.data());
  ASSERT_EQ(done.size(), size_t(kLength));
  EXPECT_EQ(done.back().pts, pts_of(15));
  EXPECT_EQ(signal.at(pts_of(30)), 0);
  EXPECT_EQ(signal.flush().front().pts, pts_of(40));
}

TEST(RelevanceSignal, StepBackStartsOver) {
  RelevanceSignal signal(kFps);
  const std::vector<float> low(kLength, 1.0f), high(kLength, 5.0f);
  signal.add(window_at(30), low.data());
  signal.add(window_at(24), high.data());
  const Samples rest = signal.flush();
  ASSERT_EQ(rest.size(), size_t(kLength));
  for (const auto& sample : rest) EXPECT_FLOAT_EQ(sample.value, 5);
}

TEST(RelevanceSignal, AnotherSegmentStartsOver) {
  RelevanceSignal signal(kFps);
  const std::vector<float> low(kLength, 1.0f), high(kLength, 5.0f);
  signal.add(window_at(0, 0), low.data());
  const Samples rest = signal.add(window_at(4, 1), high.data());  // a seek, to within the first
  ASSERT_EQ(rest.size(), size_t(kLength));
  EXPECT_FLOAT_EQ(rest.back().value, 1);
  EXPECT_FLOAT_EQ(signal.at(pts_of(6)), 5);
}

// A slow video fills several slots with one frame, so windows may begin at the same time.
TEST(RelevanceSignal, WindowsThatBeginTogetherFuse) {
  RelevanceSignal signal(kFps);
  Window window = window_at(0);
  window.pts[1] = window.pts[2] = window.pts[0];
  const std::vector<float> low(kLength, 1.0f), high(kLength, 3.0f);
  EXPECT_TRUE(signal.add(window, low.data()).empty());
  EXPECT_TRUE(signal.add(window, high.data()).empty());
  for (const auto& sample : signal.flush()) EXPECT_FLOAT_EQ(sample.value, 2);
}

TEST(RelevanceSignal, ResetForgets) {
  RelevanceSignal signal(kFps);
  const std::vector<float> curve(kLength, 1.0f);
  signal.add(window_at(0), curve.data());
  signal.reset();
  EXPECT_TRUE(signal.flush().empty());
  EXPECT_EQ(signal.at(pts_of(5)), 0);
}

TEST(RelevanceSignal, IrregularTimesAreInterpolated) {
  RelevanceSignal signal(10);
  Window times;
  times.pts = {0, 150'000'000, 300'000'000};
  const float line[] = {0, 1.5f, 3};
  Samples all = signal.add(times, line);
  for (const auto& sample : signal.flush()) all.push_back(sample);
  ASSERT_EQ(all.size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(all[i].value, i, 1e-6);
}

TEST(RelevanceSignal, NotANumberCountsAsNothing) {
  RelevanceSignal signal(kFps);
  const std::vector<float> curve(kLength, std::nanf(""));
  for (const auto& sample : signal.add(window_at(0), curve.data())) EXPECT_EQ(sample.value, 0);
}

// Each value comes once, so what is kept cannot grow with what was given.
TEST(RelevanceSignal, EndlessStreamGivesEachValueOnce) {
  RelevanceSignal signal(kFps);
  const std::vector<float> curve(kLength, 1.0f);
  size_t given = 0;
  for (int k = 0; k < 20000; ++k) given += signal.add(window_at(4 * k), curve.data()).size();
  EXPECT_EQ(given, size_t(4 * 19999));
  EXPECT_EQ(signal.flush().size(), size_t(kLength));
}

TEST(RelevanceSignal, RefusesNoRateAndTimesThatFall) {
  EXPECT_THROW(RelevanceSignal(0), Error);
  EXPECT_THROW(RelevanceSignal(NAN), Error);
  RelevanceSignal signal(kFps);
  const float curve[] = {1, 1};
  Window window;
  EXPECT_THROW(signal.add(window, curve), Error);
  window.pts = {10, 5};
  EXPECT_THROW(signal.add(window, curve), Error);
}

TEST(KeyFrames, AreLocalMaximaThatStandOut) {
  EXPECT_EQ(key_frames({0, 1, 0, 0, 2, 0, 0, 1.5f, 0}, 2), (std::vector<int>{1, 4, 7}));
  EXPECT_EQ(key_frames({0, 1, 0, 2, 0}, 2), (std::vector<int>{3}));     // too near a greater one
  EXPECT_EQ(key_frames({0, 0.9f, 0, 0, 2}, 1), (std::vector<int>{4}));  // less than half
  EXPECT_EQ(key_frames({3, 3, 3, 3}, 2), (std::vector<int>{0}));        // the first of equals
  EXPECT_TRUE(key_frames({-1, 0, -2}, 1).empty());
  EXPECT_TRUE(key_frames({}, 1).empty());
}

}  // namespace
}  // namespace tubecam
