// The whole path on the device against the same in system memory, with an engine that stands in for
// TensorRT's.
#include <algorithm>
#include <cmath>
#include <limits>

#include "support/picture.h"
#include "support/stand_in_network.h"
#include "support/work_orders.h"

namespace tubecam {
namespace {

using CudaExplainer = CudaTest;

constexpr int64_t kSlice = 100'000'000;  // ns

Window window_of() {
  Window window;
  for (int i = 0; i < 8; ++i) window.pts.push_back(i * kSlice);
  window.source = {0, 0, 16, 16};
  window.frame_width = window.frame_height = 16;
  return window;
}

void expect_same(const Explanation& here, const Explanation& there) {
  ASSERT_EQ(there.valid, here.valid) << there.problem;
  EXPECT_EQ(there.label_index, here.label_index);
  EXPECT_EQ(there.window.pts, here.window.pts);
  EXPECT_EQ(there.receipt.passes, here.receipt.passes);
  EXPECT_NEAR(there.receipt.logit, here.receipt.logit, 1e-4);
  EXPECT_NEAR(there.receipt.relevance_sum, here.receipt.relevance_sum, 1e-3);
  ASSERT_EQ(there.tube.size(), here.tube.size());
  for (size_t i = 0; i < here.tube.size(); ++i) EXPECT_NEAR(there.tube[i], here.tube[i], 1e-4);
  ASSERT_EQ(there.motion.size(), here.motion.size());
  const double share = here.motion_share;
  EXPECT_TRUE(std::isnan(share) || std::abs(there.motion_share - share) < 1e-3);
}

std::vector<float> tube_there(const Explanation& explanation) {
  return to_host<float>(explanation.device_tube->view.data, explanation.tube.size());
}

TEST_F(CudaExplainer, AStreamIsExplainedAsOnTheCpu) {
  for (const char* method : {"gradcam", "motion-split", "motion-split-exact"}) {
    for_each_work_order([&](unsigned order) {
      Explainer here(golden_folder("pool"), stand_in_options({}, method));
      Explainer there(golden_folder("pool"), stand_in_options(kGpu, method));
      EXPECT_EQ(there.device(), kGpu);
      int windows = 0;
      for (int i = 0; i < 24; ++i) {
        AnyPicture picture(PixelFormat::kNV12, 31, 22, 3, unsigned(i) + order);
        const auto expected = here.push(picture.frame, i * kSlice);
        const auto got = there.push(picture.frame, i * kSlice);
        ASSERT_EQ(got.has_value(), expected.has_value());
        if (!got) continue;
        ++windows;
        expect_same(*expected, *got);
        EXPECT_EQ(got->signal.size(), expected->signal.size());
        EXPECT_EQ(got->device_tube != nullptr, std::string(method) == "gradcam");
        EXPECT_EQ(expected->device_tube, nullptr);
        EXPECT_TRUE(!got->device_tube || tube_there(*got) == got->tube);
        for (auto& plane : picture.planes) std::fill(plane.begin(), plane.end(), uint8_t(0));
      }
      EXPECT_EQ(windows, 9);
    });
  }
}

TEST_F(CudaExplainer, TheClipNeverLeavesTheDevice) {
  GpuStandIn::clips_on_the_device = 0;
  Explainer explainer(golden_folder("pool"), stand_in_options(kGpu));
  const AnyPicture picture(PixelFormat::kRGB, 20, 20, 0, 1);
  for (int i = 0; i < 12; ++i) explainer.push(picture.frame, i * kSlice);
  EXPECT_EQ(GpuStandIn::clips_on_the_device, 3);
}

TEST_F(CudaExplainer, TakesAClipThatLiesOnTheDevice) {
  Explainer here(golden_folder("pool"), stand_in_options({}));
  Explainer there(golden_folder("pool"), stand_in_options(kGpu));
  for_each_work_order([&](unsigned) {
    std::vector<float> clip = golden_clip();
    PinnedBuffer staged(clip.size() * 4);
    const DeviceBuffer memory(staged.bytes());
    std::copy(clip.begin(), clip.end(), staged.as<float>());
    const CudaStream producer;
    CudaEvent ready;
    copy_async(memory.data(), staged.data(), staged.bytes(), producer.get());
    ready.record(producer.get());
    const TensorView view{memory.data(), DType::kFloat32, {1, 8, 3, 16, 16}, kGpu, ready.get()};
    const Explanation got = there.explain(view, window_of());
    expect_same(here.explain(clip.data(), window_of()), got);
    expect_same(there.explain(clip.data(), window_of()), got);  // from system memory, too
    EXPECT_FALSE(got.device_tube->is_current());
  });
}

TEST_F(CudaExplainer, NoticesClipsThatAreNotFinite) {
  Explainer explainer(golden_folder("pool"), stand_in_options(kGpu));
  for (const float bad : {NAN, std::numeric_limits<float>::infinity()}) {
    for (const size_t at : {size_t(0), StandInNetwork::kClip / 2, StandInNetwork::kClip - 1}) {
      std::vector<float> clip = golden_clip();
      clip[at] = bad;
      const DeviceBuffer memory = to_device(clip);
      const Explanation got =
          explainer.explain({memory.data(), DType::kFloat32, {1, 8, 3, 16, 16}, kGpu}, window_of());
      EXPECT_FALSE(got.valid);
      EXPECT_NE(got.problem.find("NaN"), std::string::npos);
      EXPECT_EQ(got.device_tube, nullptr);
    }
  }
  const DeviceBuffer good = to_device(golden_clip());
  EXPECT_TRUE(
      explainer.explain({good.data(), DType::kFloat32, {1, 8, 3, 16, 16}, kGpu}, window_of())
          .valid);
}

TEST_F(CudaExplainer, RefusesClipsThatItCannotRead) {
  Explainer here(golden_folder("pool"), stand_in_options({}));
  Explainer there(golden_folder("pool"), stand_in_options(kGpu));
  const DeviceBuffer memory = to_device(golden_clip());
  const TensorView good{memory.data(), DType::kFloat32, {1, 8, 3, 16, 16}, kGpu};
  const auto refusal = [](Explainer& explainer, const TensorView& clip) -> std::string {
    try {
      explainer.explain(clip, window_of());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "";
  };
  TensorView bad = good;
  bad.shape = {1, 8, 3, 16, 15};
  EXPECT_NE(refusal(there, bad).find("[1, 8, 3, 16, 16]"), std::string::npos);
  bad = good;
  bad.dtype = DType::kFloat16;
  EXPECT_NE(refusal(there, bad).find("float32"), std::string::npos);
  bad = good;
  bad.data = nullptr;
  EXPECT_NE(refusal(there, bad).find("empty"), std::string::npos);
  EXPECT_NE(refusal(here, good).find("computes on cpu"), std::string::npos);
  bad = good;
  bad.device.index = 5;
  EXPECT_NE(refusal(there, bad).find("cuda:5"), std::string::npos);
  EXPECT_EQ(refusal(there, good), "");
}

#ifdef TUBECAM_EMULATED_CUDA
TEST_F(CudaExplainer, ASteadyStreamAllocatesNothingAndWaitsForTheEngineAlone) {
  Explainer explainer(golden_folder("pool"), stand_in_options(kGpu));
  const AnyPicture picture(PixelFormat::kNV12, 64, 48, 0, 1);
  int64_t pts = 0;
  const auto push = [&](int count) {
    int windows = 0;
    for (int i = 0; i < count; ++i, pts += kSlice)
      windows += explainer.push(picture.frame, pts).has_value();
    return windows;
  };
  push(12);
  const int allocations = emulated_cuda::allocations(), waits = emulated_cuda::waits();
  const int windows = push(20);
  EXPECT_EQ(windows, 10);
  EXPECT_EQ(emulated_cuda::allocations(), allocations);
  EXPECT_EQ(emulated_cuda::waits(), waits + windows * GpuStandIn::kWaits);
}

// The device is lost at a frame of any kind: one that a slot takes, one that completes a window.
TEST_F(CudaExplainer, TheCpuGoesOnWhenTheDeviceIsLost) {
  for (int lost_at = 9; lost_at < 13; ++lost_at) {
    ExplainerOptions options = stand_in_options(kGpu);
    options.fallback = "cpu";
    std::vector<std::string> logged;
    options.engine.log = [&](const std::string& text) { logged.push_back(text); };
    Explainer explainer(golden_folder("pool"), options);
    Explainer here(golden_folder("pool"), stand_in_options({}));
    const AnyPicture picture(PixelFormat::kRGB, 20, 20, 0, 1);
    std::optional<Explanation> newest;
    for (int i = 0; i < 30; ++i) {
      if (i == lost_at) emulated_cuda::lose_device(true);
      auto got = explainer.push(picture.frame, i * kSlice);
      const auto expected = here.push(picture.frame, i * kSlice);
      if (got && i >= lost_at) {
        newest = std::move(got);
        EXPECT_GE(newest->window.pts.front(), lost_at * kSlice);
        newest->window.pts = expected ? expected->window.pts : newest->window.pts;
        if (expected) expect_same(*expected, *newest);
      }
    }
    emulated_cuda::lose_device(false);
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->receipt.fell_back_from.rfind("cuda:0: ", 0), 0u);
    EXPECT_EQ(explainer.device(), Device{});
    EXPECT_EQ(logged.size(), 1u);
  }
}

TEST_F(CudaExplainer, WithoutAFallbackALostDeviceIsAnError) {
  Explainer explainer(golden_folder("pool"), stand_in_options(kGpu));
  const AnyPicture picture(PixelFormat::kRGB, 20, 20, 0, 1);
  for (int i = 0; i < 9; ++i) explainer.push(picture.frame, i * kSlice);
  emulated_cuda::lose_device(true);
  EXPECT_THROW(explainer.push(picture.frame, 9 * kSlice), Error);
  EXPECT_THROW(explainer.push(picture.frame, 10 * kSlice), Error);
  EXPECT_FALSE(explainer.fall_back_to_cpu(Error(ErrorCode::kDevice, "lost")));
  emulated_cuda::lose_device(false);
}
#endif

}  // namespace
}  // namespace tubecam
