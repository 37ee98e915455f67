// The streaming logic without GStreamer: worker, aligner, latency, stream.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "live/live_windows.h"
#include "support/gate.h"

namespace tubecam {
namespace {

constexpr int64_t kMs = 1'000'000;

using testing::Gate;

Job job(uint64_t id) {
  Job made;
  made.id = id;
  made.window.pts = {0};
  return made;
}

void fill_nothing(ClipBuffer&) {}
void ignore_outcome(const Outcome&) {}

TEST(ExplainWorker, DropsWhenBothSlotsAreTaken) {
  Gate gate;
  ExplainWorker worker([&](const TensorView&, const Window& w) { return gate.pass(w); },
                       ignore_outcome);
  using W = ExplainWorker;
  EXPECT_EQ(worker.submit(job(0), fill_nothing, W::WhenFull::kDrop), W::Submitted::kTaken);
  EXPECT_EQ(worker.submit(job(1), fill_nothing, W::WhenFull::kDrop), W::Submitted::kTaken);
  EXPECT_EQ(worker.submit(job(2), fill_nothing, W::WhenFull::kDrop), W::Submitted::kDropped);
  gate.open(2);
  worker.wait_idle();
  const auto done = worker.take();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].job.id, 0u);
  EXPECT_EQ(done[1].job.id, 1u);
  EXPECT_TRUE(worker.take().empty());
}

TEST(ExplainWorker, WaitsWhenAsked) {
  Gate gate;
  ExplainWorker worker([&](const TensorView&, const Window& w) { return gate.pass(w); },
                       ignore_outcome);
  for (int id : {0, 1}) worker.submit(job(id), fill_nothing, ExplainWorker::WhenFull::kDrop);
  auto third = std::async(std::launch::async, [&] {
    return worker.submit(job(2), fill_nothing, ExplainWorker::WhenFull::kWait);
  });
  EXPECT_EQ(third.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  gate.open(3);
  EXPECT_EQ(third.get(), ExplainWorker::Submitted::kTaken);
  worker.wait_idle();
  EXPECT_EQ(worker.take().size(), 3u);
}

TEST(ExplainWorker, CancelWakesWhoWaitsAndForgetsWhatRuns) {
  Gate gate;
  std::atomic<int> outcomes{0};
  ExplainWorker worker([&](const TensorView&, const Window& w) { return gate.pass(w); },
                       [&](const Outcome&) { ++outcomes; });
  for (int id : {0, 1}) worker.submit(job(id), fill_nothing, ExplainWorker::WhenFull::kDrop);
  gate.await_entries(1);
  auto third = std::async(std::launch::async, [&] {
    return worker.submit(job(2), fill_nothing, ExplainWorker::WhenFull::kWait);
  });
  worker.cancel();
  EXPECT_EQ(third.get(), ExplainWorker::Submitted::kCancelled);
  worker.wait_idle();  // returns although one still runs
  gate.open(1);
  worker.resume();
  gate.open(1);
  EXPECT_EQ(worker.submit(job(3), fill_nothing, ExplainWorker::WhenFull::kWait),
            ExplainWorker::Submitted::kTaken);
  worker.wait_idle();
  const auto done = worker.take();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].job.id, 3u);
  EXPECT_EQ(outcomes, 1);
}

TEST(ExplainWorker, HandsErrorsOn) {
  ExplainWorker worker(
      [](const TensorView&, const Window&) -> Explanation { throw std::runtime_error("no"); },
      ignore_outcome);
  worker.submit(job(0), fill_nothing, ExplainWorker::WhenFull::kWait);
  worker.wait_idle();
  const auto done = worker.take();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].explanation, nullptr);
  EXPECT_EQ(done[0].error, "no");
}

TEST(ExplainWorker, CopiesTheClipBeforeItReturns) {
  std::vector<float> seen;
  ExplainWorker worker(
      [&](const TensorView& clip, const Window&) {
        seen.assign(clip.f32(), clip.f32() + 3);
        return Explanation();
      },
      ignore_outcome);
  std::vector<float> mine = {1, 2, 3};
  worker.submit(
      job(0),
      [&](ClipBuffer& clip) {
        const auto copy = std::make_shared<std::vector<float>>(mine);
        clip = {{copy->data(), DType::kFloat32, {3}, {}}, copy};
      },
      ExplainWorker::WhenFull::kWait);
  mine = {9, 9, 9};
  worker.wait_idle();
  EXPECT_EQ(seen, (std::vector<float>{1, 2, 3}));
}

TEST(ExplainWorker, ASlotThatCouldNotBeFilledIsFreeAgain) {
  Gate gate;
  ExplainWorker worker([&](const TensorView&, const Window& w) { return gate.pass(w); },
                       ignore_outcome);
  const auto fails = [](ClipBuffer&) { throw std::runtime_error("no memory"); };
  for (int i = 0; i < 3; ++i)
    EXPECT_THROW(worker.submit(job(0), fails, ExplainWorker::WhenFull::kWait), std::runtime_error);
  for (int id : {1, 2})
    EXPECT_EQ(worker.submit(job(id), fill_nothing, ExplainWorker::WhenFull::kDrop),
              ExplainWorker::Submitted::kTaken);
  gate.open(2);
  worker.wait_idle();
  EXPECT_EQ(worker.take().size(), 2u);
}

Aligner::ExplanationPtr explanation(uint64_t sequence) {
  auto made = std::make_shared<Explanation>();
  made->window.sequence = sequence;
  return made;
}

// Windows of 100 ms every 25 ms, as far as `count`.
Aligner windows(int count) {
  Aligner aligner;
  for (int i = 0; i < count; ++i) aligner.add(i, 0, i * 25, i * 25 + 100);
  return aligner;
}

TEST(Aligner, TheMostCentralWindowWins) {
  Aligner aligner = windows(4);
  for (int i = 0; i < 4; ++i) aligner.explained(i, explanation(i));
  const auto chosen = [&](int64_t pts) { return aligner.central({0, pts})->window.sequence; };
  EXPECT_EQ(chosen(0), 0u);   // before the first middle: the first
  EXPECT_EQ(chosen(62), 0u);  // middles at 50, 75, 100, 125
  EXPECT_EQ(chosen(63), 1u);
  EXPECT_EQ(chosen(100), 2u);
  EXPECT_EQ(chosen(190), 3u);  // behind the last window: the last
}

TEST(Aligner, SettledOnlyWhenNothingBetterCanCome) {
  Aligner aligner = windows(2);
  EXPECT_FALSE(aligner.settled({0, 40}, false));
  aligner.explained(0, explanation(0));
  EXPECT_TRUE(aligner.settled({0, 40}, false));
  EXPECT_FALSE(aligner.settled({0, 70}, false));  // window 1 suits it better, and is not explained
  aligner.dropped(1);
  EXPECT_TRUE(aligner.settled({0, 70}, false));
  EXPECT_EQ(aligner.central({0, 70})->window.sequence, 0u);
  EXPECT_FALSE(aligner.settled({0, 90}, false));  // a third window may come
  EXPECT_TRUE(aligner.settled({0, 90}, true));
}

TEST(Aligner, AFailedWindowLeavesItsFramesWithout) {
  Aligner aligner = windows(2);
  aligner.explained(0, explanation(0));
  aligner.failed(1);
  EXPECT_NE(aligner.central({0, 50}), nullptr);
  EXPECT_EQ(aligner.central({0, 75}), nullptr);
  EXPECT_EQ(aligner.latest({0, 130}, 1000), nullptr);
}

TEST(Aligner, SegmentsDoNotMix) {
  Aligner aligner;
  aligner.add(0, 0, 0, 100);
  aligner.explained(0, explanation(0));
  EXPECT_EQ(aligner.central({1, 50}), nullptr);
  EXPECT_EQ(aligner.latest({1, 110}, 1000), nullptr);
  EXPECT_NE(aligner.latest({0, 110}, 1000), nullptr);
  EXPECT_EQ(aligner.latest({0, 1101}, 1000), nullptr);  // too old
}

TEST(Aligner, LatestSkipsWhatWasDroppedOrIsPending) {
  Aligner aligner = windows(3);
  aligner.explained(0, explanation(0));
  aligner.dropped(1);
  EXPECT_EQ(aligner.latest({0, 160}, 1000)->window.sequence, 0u);
}

TEST(Aligner, ForgetsWhatNobodyCanWant) {
  Aligner aligner;
  for (int i = 0; i < 1000; ++i) {
    aligner.add(i, i / 100, i * 25, i * 25 + 100);
    if (i % 3 == 0)
      aligner.dropped(i);
    else
      aligner.explained(i, explanation(i));
    aligner.forget_before({static_cast<uint64_t>(i / 100), i * 25 + 100});
    ASSERT_LE(aligner.size(), 3u);
  }
}

TEST(LatencyShare, ReportsGrowthAndDriftOnly) {
  LatencyShare share;
  share.set(1.0, 0.040);
  EXPECT_EQ(share.nanoseconds(), 1050 * kMs);
  EXPECT_FALSE(share.update(1.0, 0.049));  // within the headroom
  EXPECT_TRUE(share.update(1.0, 0.080));   // beyond it
  EXPECT_EQ(share.nanoseconds(), 1100 * kMs);
  EXPECT_FALSE(share.update(0.9, 0.080));  // 10 % less is no drift
  EXPECT_TRUE(share.update(0.5, 0.080));
  EXPECT_EQ(share.nanoseconds(), 600 * kMs);
}

TEST(LatencyShare, LeavesNoiseAlone) {
  LatencyShare share;
  share.set(0, 0.001);
  EXPECT_FALSE(share.update(0, 0.003));
  EXPECT_TRUE(share.update(0, 0.010));
}

ClipSpec small_spec() {
  ClipSpec spec;
  spec.length = 4;
  spec.height = spec.width = 8;
  spec.sample_fps = 10;
  spec.resize = ResizeRule::kStretch;
  return spec;
}

class LiveWindowsTest : public ::testing::Test {
 protected:
  std::unique_ptr<LiveWindows> make(Align align, int hop = 2) {
    return std::make_unique<LiveWindows>(
        small_spec(), LiveWindows::Options{align, hop, 0.01},
        [](const TensorView&, const Window& window) {
          Explanation explanation;
          explanation.window = window;
          return explanation;
        },
        ignore_outcome);
  }
  FramePlace push(LiveWindows& stream, int64_t ms) {
    frame_.format = PixelFormat::kRGB;
    frame_.width = frame_.height = 8;
    frame_.plane[0] = pixels_;
    frame_.stride[0] = 24;
    return stream.push(frame_, ms * kMs, ExplainWorker::WhenFull::kWait);
  }

  uint8_t pixels_[8 * 24] = {};
  Frame frame_;
};

TEST_F(LiveWindowsTest, DelayedFramesWaitForTheWindowInWhoseMiddleTheyLie) {
  auto stream = make(Align::kDelayed);
  std::vector<FramePlace> places;
  for (int i = 0; i < 4; ++i) {
    places.push_back(push(*stream, 100 * i));
    EXPECT_EQ(i == 3, stream->counts().windows > 0);
    EXPECT_TRUE(i == 3 || !stream->ready(places[0]));
  }
  stream->finish();
  for (const FramePlace& place : places) {
    EXPECT_TRUE(stream->ready(place));
    ASSERT_NE(stream->explanation(place), nullptr);
  }
}

TEST_F(LiveWindowsTest, ASegmentShorterThanAWindowHasNoExplanation) {
  auto stream = make(Align::kDelayed);
  const FramePlace early = push(*stream, 0);
  const FramePlace late = push(*stream, 5000);
  EXPECT_NE(early.segment, late.segment);
  EXPECT_TRUE(stream->ready(early));
  EXPECT_EQ(stream->explanation(early), nullptr);
  EXPECT_FALSE(stream->ready(late));
  EXPECT_EQ(stream->counts().resets, 1u);
}

TEST_F(LiveWindowsTest, LatestIsAlwaysReadyAndForgetsAcrossASeek) {
  auto stream = make(Align::kLatest);
  for (int i = 0; i < 4; ++i) push(*stream, 100 * i);
  stream->finish();
  const FramePlace place = push(*stream, 400);
  EXPECT_TRUE(stream->ready(place));
  EXPECT_NE(stream->explanation(place), nullptr);
  stream->cancel();
  stream->restart();
  EXPECT_EQ(stream->explanation(push(*stream, 400)), nullptr);
  EXPECT_EQ(stream->counts().resets, 1u);
}

TEST_F(LiveWindowsTest, TheHoldIsAWindowOrHalfOfOneAndAHop) {
  EXPECT_DOUBLE_EQ(make(Align::kLatest)->hold_seconds(), 0);
  EXPECT_DOUBLE_EQ(make(Align::kDelayed, 1)->hold_seconds(), 0.3);
  EXPECT_DOUBLE_EQ(make(Align::kDelayed, 4)->hold_seconds(), 0.55);
}

}  // namespace
}  // namespace tubecam
