// Repair of timestamps; tests/python/kernels/test_timestamps.py holds what windows make of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "base/error.h"
#include "clip/timestamps.h"

namespace tubecam {
namespace {

constexpr int64_t kFrame = 33'000'000, kSecond = 1'000'000'000;
const std::optional<int64_t> kNone;

std::vector<std::optional<int64_t>> repaired(TimestampRepair* repair,
                                             const std::vector<std::optional<int64_t>>& stated) {
  std::vector<std::optional<int64_t>> times;
  for (const auto& pts : stated) times.push_back(repair->next(pts));
  return times;
}

TEST(TimestampRepair, GrowingTimesAreBelieved) {
  TimestampRepair repair(kFrame);
  const std::vector<std::optional<int64_t>> stated = {5, 6, kFrame, 9 * kFrame, 9 * kFrame + 1};
  EXPECT_EQ(repaired(&repair, stated), stated);
  EXPECT_EQ(repair.faults().total(), 0u);
  EXPECT_EQ(describe(repair.faults()), "");
}

TEST(TimestampRepair, MissingAndRepeatedTimesFollowByTheInterval) {
  TimestampRepair repair(kFrame);
  repair.restart(7);
  EXPECT_EQ(repair.next(kNone), 7);
  EXPECT_EQ(repair.next(kNone), 7 + kFrame);
  EXPECT_EQ(repair.next(100 * kFrame / 50), 2 * kFrame);
  for (int i = 1; i <= 100; ++i) EXPECT_EQ(repair.next(2 * kFrame), (2 + i) * kFrame);
  EXPECT_EQ(repair.faults().missing, 2u);
  EXPECT_EQ(repair.faults().repeated, 100u);
  EXPECT_EQ(repair.next(2 * kFrame + kSecond), 2 * kFrame + kSecond);
  EXPECT_EQ(repair.faults().jumps, 1u);  // the true time is two seconds behind
}

TEST(TimestampRepair, WithoutAnIntervalThereIsNothingToCountBy) {
  TimestampRepair repair;
  EXPECT_EQ(repair.next(kNone), kNone);
  EXPECT_EQ(repair.next(kFrame), kFrame);
  EXPECT_EQ(repair.next(kFrame), kFrame);
  EXPECT_EQ(repair.next(kNone), kNone);
  EXPECT_EQ(repair.next(5 * kFrame), 5 * kFrame);  // two frames and the one without: 4 in 3 steps
  EXPECT_EQ(repair.next(kNone), 5 * kFrame + 4 * kFrame / 3);
}

TEST(TimestampRepair, NumbersThatAreNoTimesAreMissing) {
  TimestampRepair repair(kFrame);
  repair.next(kFrame);
  EXPECT_EQ(repair.next(-1), 2 * kFrame);
  EXPECT_EQ(repair.next(INT64_MAX), 3 * kFrame);
  EXPECT_EQ(repair.faults().missing, 2u);
}

TEST(TimestampRepair, APairOfFramesAtEachTimeIsSpacedEvenly) {
  TimestampRepair repair(2 * kFrame);  // stated for the pairs
  std::optional<int64_t> before, time;
  for (int i = 0; i < 200; ++i) {
    before = time;
    time = repair.next(i / 2 * 2 * kFrame);
  }
  EXPECT_NEAR(double(*time - *before), kFrame, 0.05 * kFrame);
}

// Frames whose timestamps lie up to `frames` off; largest deviation of the repaired times, in
// frames, from the even ones, but for a common offset, after the first hundred.
double deviation(TimestampRepair* repair, double frames, int64_t start = 10 * kSecond) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> off(-frames, frames);
  double least = 1e9, most = -1e9;
  int64_t before = 0;
  for (int i = 0; i < 600; ++i) {
    const int64_t even = start + i * kFrame;
    const int64_t time = *repair->next(even + int64_t(off(random) * kFrame));
    EXPECT_GE(time, before);
    before = time;
    if (i < 100) continue;
    least = std::min(least, double(time - even) / kFrame);
    most = std::max(most, double(time - even) / kFrame);
  }
  EXPECT_LT(std::abs(most + least) / 2, 0.75);  // no lasting lead or lag
  return (most - least) / 2;
}

TEST(TimestampRepair, JitterIsSmoothed) {
  for (const int64_t interval : {kFrame, int64_t{0}, 40 * kFrame / 33}) {
    TimestampRepair repair(interval);
    EXPECT_LT(deviation(&repair, 3), 1.5) << interval;
    EXPECT_GT(repair.faults().late, 100u);
    EXPECT_EQ(repair.faults().jumps, 0u);
    EXPECT_NE(describe(repair.faults()).find("stepping back"), std::string::npos);
  }
}

TEST(TimestampRepair, OneStepBackLeavesTheRestInPlace) {
  TimestampRepair repair(kFrame);
  for (int i = 0; i < 200; ++i) {
    const int64_t time = *repair.next(i == 50 ? 44 * kFrame : i * kFrame);
    EXPECT_NEAR(double(time), double(i) * kFrame, kFrame) << i;
    if (i > 150) {
      EXPECT_NEAR(double(time), double(i) * kFrame, 0.01 * kFrame) << i;
    }
  }
  EXPECT_EQ(repair.faults().late, 1u);
}

TEST(TimestampRepair, AJumpIsANewPlace) {
  TimestampRepair repair(kFrame);
  repair.next(0);
  EXPECT_EQ(repair.next(3600 * kSecond), 3600 * kSecond);
  EXPECT_EQ(repair.next(3600 * kSecond + kFrame), 3600 * kSecond + kFrame);
  EXPECT_EQ(repair.next(2 * kFrame), 2 * kFrame);
  for (int i = 3; i < 20; ++i) repair.next(i * kFrame);
  EXPECT_EQ(repair.next(10 * kFrame), 10 * kFrame);  // a short loop
  EXPECT_EQ(repair.faults().jumps, 3u);
  EXPECT_EQ(repair.faults().late, 0u);
  EXPECT_NE(describe(repair.faults()).find("start over"), std::string::npos);
}

TEST(TimestampRepair, ARestartForgetsThePlaceAndKeepsTheCounts) {
  TimestampRepair repair(kFrame);
  for (const int64_t pts : {0, 0, 20}) repair.next(pts * kSecond);
  repair.restart(kSecond);
  EXPECT_EQ(repair.next(kNone), kSecond);
  repair.restart();
  EXPECT_EQ(repair.next(50 * kSecond), 50 * kSecond);
  EXPECT_EQ(repair.faults().total(), 3u);
  EXPECT_THROW(repair.restart(-1), Error);
  EXPECT_THROW(TimestampRepair(-1), Error);
}

}  // namespace
}  // namespace tubecam
