// How long frames wait for their explanation, and for how many.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "live/live_windows.h"
#include "plugin/elements/hold_queue.h"
#include "support/gate.h"
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

constexpr int64_t kMs = 1'000'000;

// Frames 30 a second through a stream of 16 sampled frames at 15 a second, explained by an engine
// that takes `inference` ns a window: all in a time of the test's own, so that the machine's load
// has no say. A window arrives with its last frame.
class Simulation {
 public:
  Simulation(int hop, int64_t inference)
      : inference_(inference),
        stream_(
            spec(), LiveWindows::Options{Align::kDelayed, hop, 1e-9 * double(inference)},
            [this](const TensorView&, const Window& w) { return engine_.pass(w); },
            [](const Outcome&) {}) {
    frame_.format = PixelFormat::kRGB;
    frame_.width = frame_.height = 8;
    frame_.plane[0] = pixels_;
    frame_.stride[0] = 24;
  }
  ~Simulation() {
    for (size_t i = 0; i < ends_.size(); ++i) engine_.open(1);
  }

  // The longest that a frame of those after `skip` had to wait beyond what hold_seconds() and
  // twice the inference account for when the frame came, ns; below zero: none.
  int64_t worst_excess(int frames, int skip) {
    int64_t worst = INT64_MIN;
    for (int i = 0; i < frames; ++i) {
      const int64_t now = i * int64_t{1000} * kMs / 30;
      finish_until(now);
      push(now);
      while (!held_.empty() && stream_.ready(held_.front().place)) {
        const Held frame = held_.front();
        held_.pop_front();
        if (frame.number >= skip) worst = std::max(worst, now - frame.place.pts - frame.expected);
        stream_.explanation(frame.place);
      }
    }
    return worst;
  }
  LiveWindows& stream() { return stream_; }

 private:
  struct Held {
    FramePlace place;
    int number;
    int64_t expected;
  };

  static ClipSpec spec() {
    ClipSpec made;
    made.height = made.width = 8;
    made.resize = ResizeRule::kStretch;
    return made;
  }
  void finish_until(int64_t now) {
    while (!ends_.empty() && ends_.front() <= now) {
      ends_.pop_front();
      engine_.open(1);
      if (ends_.empty())
        stream_.finish();  // its slot is free then
      else
        engine_.await_entries(++begun_);
    }
  }
  void push(int64_t now) {
    const StreamCounts before = stream_.counts();
    const FramePlace place = stream_.push(frame_, now, ExplainWorker::WhenFull::kDrop);
    const auto hold = int64_t(1e9 * stream_.hold_seconds());
    held_.push_back({place, number_++, hold + 2 * inference_});
    const StreamCounts after = stream_.counts();
    if (after.windows - after.dropped == before.windows - before.dropped) return;
    const int64_t begin = ends_.empty() ? now : ends_.back();
    ends_.push_back(begin + inference_);
    if (ends_.size() == 1) engine_.await_entries(++begun_);
  }

  const int64_t inference_;
  Gate engine_;
  uint8_t pixels_[8 * 24] = {};
  Frame frame_;
  std::deque<int64_t> ends_;  // of the window that is explained and the one that waits
  std::deque<Held> held_;
  int begun_ = 0, number_ = 0;
  LiveWindows stream_;
};

TEST(Hold, TheLatencyAccountsForDroppedWindows) {
  for (const int hop : {1, 4, 16}) {
    for (const int64_t inference : {10 * kMs, 200 * kMs, 500 * kMs, 900 * kMs, 2000 * kMs}) {
      Simulation simulation(hop, inference);
      const bool drops = double(inference) > 1e9 * hop / 15;
      EXPECT_GE(simulation.stream().latency().nanoseconds(),
                int64_t(1e9 * simulation.stream().hold_seconds()) + (drops ? 2 : 1) * inference);
      const int64_t excess = simulation.worst_excess(600, 0);
      EXPECT_LE(excess, 34 * kMs) << "hop " << hop << ", inference " << inference / kMs << " ms";
      const StreamCounts counts = simulation.stream().counts();
      EXPECT_EQ(counts.dropped > 0, drops) << hop;
    }
  }
}

TEST(Hold, TimesOfTwoSegmentsAreNotCompared) {
  HoldQueue queue;
  constexpr int64_t kHour = 3600 * GST_SECOND;
  queue.push_frame(gst_buffer_new_allocate(nullptr, 100, nullptr), true, {0, 0}, false);
  queue.push_frame(gst_buffer_new_allocate(nullptr, 100, nullptr), true, {1, kHour}, false);
  EXPECT_EQ(queue.exceeded(200, GST_SECOND), HoldQueue::Limit::kNone);
  EXPECT_EQ(queue.exceeded(199, GST_SECOND), HoldQueue::Limit::kBytes);
  EXPECT_EQ(queue.exceeded(0, GST_SECOND), HoldQueue::Limit::kNone);
  gst_mini_object_unref(queue.pop().object);
  queue.push_frame(gst_buffer_new(), true, {1, kHour + 2 * GST_SECOND}, false);
  EXPECT_EQ(queue.exceeded(0, GST_SECOND), HoldQueue::Limit::kTime);
}

}  // namespace
}  // namespace tubecam::testing
