// The streaming logic when something else than an Error is thrown: nothing waits for ever.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string>

#include "live/live_windows.h"

#if defined(__SANITIZE_ADDRESS__)
#define TUBECAM_SHADOWED 1  // its memory does not fit into a limit
#else
#define TUBECAM_SHADOWED 0
#endif

namespace tubecam {
namespace {

Job job(uint64_t id) {
  Job made;
  made.id = id;
  made.window.pts = {0};
  return made;
}

void fill_nothing(ClipBuffer&) {}

Explanation of_window(const TensorView&, const Window& window) {
  Explanation explanation;
  explanation.window = window;
  return explanation;
}

TEST(ExplainWorkerErrors, WhateverIsThrownIsHandedOn) {
  std::atomic<int> call{0};
  ExplainWorker worker(
      [&](const TensorView& clip, const Window& window) {
        switch (call++) {
          case 0:
            throw std::bad_alloc();
          case 1:
            throw 7;
          default:
            return of_window(clip, window);
        }
      },
      [](const Outcome&) {});
  for (int id : {0, 1, 2}) worker.submit(job(id), fill_nothing, ExplainWorker::WhenFull::kWait);
  worker.wait_idle();
  const std::vector<Outcome> outcomes = worker.take();
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(outcomes[0].error, kNoMemory);
  EXPECT_NE(outcomes[1].error, "");
  EXPECT_TRUE(outcomes[2].explanation);
}

TEST(ExplainWorkerErrors, AListenerThatThrowsStopsNothing) {
  std::atomic<int> outcomes{0};
  ExplainWorker worker(of_window, [&](const Outcome&) {
    if (++outcomes % 2) throw std::bad_alloc();
    throw 7;
  });
  for (int id : {0, 1, 2, 3}) worker.submit(job(id), fill_nothing, ExplainWorker::WhenFull::kWait);
  worker.wait_idle();
  EXPECT_EQ(outcomes, 4);
  EXPECT_EQ(worker.take().size(), 4u);
}

size_t address_space() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

// As long as it lives, no more than `bytes` can be allocated on top.
class Scarcity {
 public:
  explicit Scarcity(size_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    const rlimit scarce = {address_space() + bytes, before_.rlim_max};
    setrlimit(RLIMIT_AS, &scarce);
  }
  ~Scarcity() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

TEST(LiveWindowsErrors, AWindowWithoutMemoryKeepsNoFrameWaiting) {
  if (TUBECAM_SHADOWED) GTEST_SKIP() << "not under AddressSanitizer";
  constexpr int kLength = 9, kSide = 1024;  // a clip of 113 MB: no arena of malloc has room
  constexpr int64_t kSlice = 100'000'000;
  ClipSpec spec;
  spec.length = kLength;
  spec.height = spec.width = spec.short_side = kSide;
  spec.sample_fps = 10;
  LiveWindows::Options options;
  options.align = Align::kDelayed;
  options.hop = kLength;
  std::vector<uint8_t> pixels(64 * 64 * 3);
  Frame frame;
  frame.format = PixelFormat::kRGB;
  frame.width = frame.height = 64;
  frame.plane[0] = pixels.data();
  frame.stride[0] = 64 * 3;
  LiveWindows stream(spec, options, of_window, [](const Outcome&) {});
  std::vector<FramePlace> places;
  int refused = 0;
  for (int i = 0; i < 2 * kLength; ++i) {
    if (i != kLength - 1) {
      places.push_back(stream.push(frame, i * kSlice, ExplainWorker::WhenFull::kWait));
      continue;
    }
    const Scarcity scarcity(8 << 20);
    try {
      stream.push(frame, i * kSlice, ExplainWorker::WhenFull::kWait);
    } catch (const std::bad_alloc&) {
      ++refused;
    }
  }
  ASSERT_EQ(refused, 1);
  stream.finish();
  for (const FramePlace& place : places) EXPECT_TRUE(stream.ready(place)) << place.pts;
  EXPECT_TRUE(stream.explanation(places.back()));  // the second window came to be
}

}  // namespace
}  // namespace tubecam
