// The plugin's stream with its clips on the device: a streaming thread and an inference thread.
#include <algorithm>
#include <map>
#include <mutex>

#include "live/live_windows.h"
#include "support/picture.h"
#include "support/stand_in_network.h"
#include "support/work_orders.h"

namespace tubecam {
namespace {

using CudaStreaming = CudaTest;

constexpr int64_t kSlice = 100'000'000;  // ns

// A Session's wiring, without GStreamer.
class Wired {
 public:
  explicit Wired(Device device, const std::string& fallback = "none")
      : explainer_(golden_folder("pool"), options_of(device, fallback)) {
    LiveWindows::Options options;
    options.hop = 2;
    options.device = [this] { return explainer_.device(); };
    options.fall_back_to_cpu = [this](const Error& error) {
      return explainer_.fall_back_to_cpu(error);
    };
    stream_ = std::make_unique<LiveWindows>(
        explainer_.bundle().clip, options,
        [this](const TensorView& clip, const Window& w) { return explainer_.explain(clip, w); },
        [this](const Outcome& outcome) { hear(outcome); });
  }

  void push(const Frame& frame, int64_t pts) {
    stream_->push(frame, pts, ExplainWorker::WhenFull::kWait);
  }
  void finish() { stream_->finish(); }
  const Explainer& explainer() const { return explainer_; }
  const LiveWindows& stream() const { return *stream_; }
  // By the window's first time. After finish().
  std::map<int64_t, Explanation>& outcomes() { return outcomes_; }
  int errors() const { return errors_; }

 private:
  static ExplainerOptions options_of(Device device, const std::string& fallback) {
    ExplainerOptions options = stand_in_options(device);
    options.fallback = fallback;
    return options;
  }
  void hear(const Outcome& outcome) {
    if (outcome.explanation)
      outcomes_[outcome.job.window.pts.front()] = *outcome.explanation;
    else
      ++errors_;
  }

  Explainer explainer_;
  std::map<int64_t, Explanation> outcomes_;
  int errors_ = 0;
  std::unique_ptr<LiveWindows> stream_;  // its thread goes first
};

AnyPicture picture_of(int i) { return {PixelFormat::kNV12, 34, 22, 1, unsigned(i) + 1}; }

TEST_F(CudaStreaming, ExplainsEveryWindowAsOnTheCpu) {
  for_each_work_order([](unsigned) {
    Wired here(Device{}), there(kGpu);
    for (int i = 0; i < 60; ++i) {
      AnyPicture picture = picture_of(i);
      const int64_t pts = i * kSlice + (i > 30 ? 50 * kSlice : 0);  // a gap
      here.push(picture.frame, pts);
      there.push(picture.frame, pts);
      for (auto& plane : picture.planes) std::fill(plane.begin(), plane.end(), uint8_t(0));
    }
    here.finish();
    there.finish();
    ASSERT_EQ(there.errors(), 0);
    ASSERT_GT(here.outcomes().size(), 20u);
    ASSERT_EQ(there.outcomes().size(), here.outcomes().size());
    for (const auto& [pts, expected] : here.outcomes()) {
      const Explanation& got = there.outcomes().at(pts);
      for (size_t i = 0; i < expected.tube.size(); ++i)
        ASSERT_NEAR(got.tube[i], expected.tube[i], 1e-4);
    }
  });
}

#ifdef TUBECAM_EMULATED_CUDA
TEST_F(CudaStreaming, FramesPassAndTheCpuGoesOnWhenTheDeviceIsLost) {
  Wired wired(kGpu, "cpu");
  for (int i = 0; i < 60; ++i) {
    if (i == 25) emulated_cuda::lose_device(true);
    const AnyPicture picture = picture_of(i);
    wired.push(picture.frame, i * kSlice);  // throws nothing
  }
  wired.finish();
  emulated_cuda::lose_device(false);
  EXPECT_EQ(wired.explainer().device(), Device{});
  EXPECT_GE(wired.stream().counts().resets, 1u);
  const Explanation& last = wired.outcomes().rbegin()->second;
  EXPECT_GE(last.window.pts.back(), 58 * kSlice);
  EXPECT_NE(last.receipt.fell_back_from, "");
  EXPECT_LE(wired.errors(), 3);  // windows that were on the device
}

TEST_F(CudaStreaming, WithoutAFallbackEachFrameSaysThatTheDeviceIsLost) {
  Wired wired(kGpu);
  emulated_cuda::lose_device(true);
  const AnyPicture picture = picture_of(0);
  EXPECT_THROW(wired.push(picture.frame, 0), Error);
  EXPECT_THROW(wired.push(picture.frame, kSlice), Error);
  emulated_cuda::lose_device(false);
}
#endif

}  // namespace
}  // namespace tubecam
