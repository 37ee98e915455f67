// From frames and clips to explanations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "explain/explainer.h"
#include "support/golden_clip.h"

namespace tubecam {
namespace {

constexpr int64_t kSlice = 100'000'000;  // ns; the golden bundles sample 10 frames a second

Window window_of(int64_t start = 0) {
  Window window;
  for (int i = 0; i < 8; ++i) window.pts.push_back(start + i * kSlice);
  window.source = {40, 0, 80, 80};
  window.frame_width = 160;
  window.frame_height = 80;
  return window;
}

TEST(Explainer, HiResCamAddsUpToTheLogitLessTheBias) {
  for (const std::string name : {"pool", "full"}) {
    ExplainerOptions options;
    options.method = "hirescam";
    Explainer explainer(golden_folder(name), options);
    const Explanation result = explainer.explain(golden_clip().data(), window_of());
    const std::vector<double> expected = golden_numbers(name);
    ASSERT_TRUE(result.valid) << result.problem;
    EXPECT_NEAR(result.receipt.logit, expected[size_t(result.label_index)], 1e-4);
    EXPECT_NEAR(result.receipt.relevance_sum, expected[5], 1e-4);
    EXPECT_NEAR(std::accumulate(result.tube.begin(), result.tube.end(), 0.0), expected[5], 1e-4);
  }
}

TEST(Explainer, FieldsAgreeWithEachOther) {
  Explainer explainer(golden_folder("pool"));
  const Explanation result = explainer.explain(golden_clip().data(), window_of(kSlice * 50));
  EXPECT_EQ(result.label, "class " + std::to_string(result.label_index));
  EXPECT_EQ(result.target_index, result.label_index);
  EXPECT_GT(result.score, 0.2f);
  EXPECT_LT(result.score, 1.0f);
  EXPECT_EQ(result.shape, (std::array<int, 3>{4, 4, 4}));
  EXPECT_EQ(result.curve.size(), 8u);
  EXPECT_EQ(result.peak.value, *std::max_element(result.tube.begin(), result.tube.end()));
  EXPECT_EQ(result.peak_pts, kSlice * 50 + int64_t(result.peak.slice * double(kSlice)));
  EXPECT_FLOAT_EQ(result.peak_point.x, float(0.25 + 0.5 * (result.peak.x + 0.5) / 16));
  EXPECT_FLOAT_EQ(result.peak_point.y, float((result.peak.y + 0.5) / 16));
  ASSERT_FALSE(result.boxes.empty());
  EXPECT_EQ(result.boxes[0].value, result.peak.value);
  EXPECT_EQ(result.receipt.method, "gradcam");
  EXPECT_EQ(result.receipt.layer, "conv");
  EXPECT_EQ(result.receipt.precision, "float32");
  EXPECT_GT(result.timings.engine, 0);
}

TEST(Explainer, WindowsComeByTime) {
  ExplainerOptions options;
  options.hop = 2;
  Explainer explainer(golden_folder("pool"), options);
  std::vector<uint8_t> pixels(24 * 16 * 3, 90);
  Frame frame;
  frame.width = 24;
  frame.height = 16;
  frame.plane[0] = pixels.data();
  frame.stride[0] = 24 * 3;
  std::vector<int64_t> arrivals;
  for (int i = 0; i < 20; ++i) {
    const auto result = explainer.push(frame, i * kSlice);
    if (!result) continue;
    arrivals.push_back(i);
    EXPECT_EQ(result->window.pts.back(), i * kSlice);
    EXPECT_GT(result->timings.preprocess, 0);
  }
  EXPECT_EQ(arrivals, (std::vector<int64_t>{7, 9, 11, 13, 15, 17, 19}));
  explainer.reset();
  EXPECT_FALSE(explainer.push(frame, 21 * kSlice));
}

TEST(Explainer, MarksWhatIsNotFinite) {
  Explainer broken(golden_folder("nan"));
  const Explanation inside = broken.explain(golden_clip().data(), window_of());
  EXPECT_FALSE(inside.valid);
  EXPECT_NE(inside.problem.find("layer conv"), std::string::npos) << inside.problem;
  EXPECT_GE(inside.label_index, 0);
  Explainer explainer(golden_folder("pool"));
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> clip = golden_clip();
    clip[777] = bad;
    const Explanation result = explainer.explain(clip.data(), window_of());
    EXPECT_FALSE(result.valid);
    EXPECT_NE(result.problem.find("the clip"), std::string::npos);
    EXPECT_EQ(result.label_index, -1);
    EXPECT_EQ(result.tube, std::vector<float>(64, 0));
    EXPECT_TRUE(result.boxes.empty());
  }
  EXPECT_TRUE(explainer.explain(golden_clip().data(), window_of()).valid);
}

TEST(Explainer, SettingsAreCheckedAndUsedByTheNextWindow) {
  Explainer explainer(golden_folder("pool"));
  explainer.set_target(4);
  explainer.set_method("cam");
  const Explanation result = explainer.explain(golden_clip().data(), window_of());
  EXPECT_EQ(result.target_index, 4);
  EXPECT_EQ(result.target, "class 4");
  EXPECT_EQ(result.receipt.method, "cam");
  EXPECT_THROW(explainer.set_target(5), Error);
  EXPECT_THROW(explainer.set_target(-2), Error);
  EXPECT_THROW(explainer.set_target(INT64_MIN), Error);
  EXPECT_THROW(explainer.set_method("lrp"), Error);
  EXPECT_THROW(explainer.set_threshold(-0.1f), Error);
  EXPECT_THROW(explainer.set_threshold(NAN), Error);
  EXPECT_THROW(explainer.set_hop(0), Error);
  EXPECT_THROW(explainer.set_hop(9), Error);
  EXPECT_THROW(explainer.explain(nullptr, window_of()), Error);
  EXPECT_THROW(explainer.explain(golden_clip().data(), Window{}), Error);
  Explainer full(golden_folder("full"));
  EXPECT_THROW(full.set_method("cam"), Error);
}

TEST(Explainer, SettersMayComeFromOtherThreads) {
  Explainer explainer(golden_folder("pool"));
  std::thread setter([&] {
    for (int i = 0; i < 2000; ++i) {
      explainer.set_method(i % 2 ? "gradcam" : "layercam");
      explainer.set_target(i % 5);
      explainer.set_threshold(float(i % 10) / 10);
      explainer.set_hop(1 + i % 8);
    }
  });
  const std::vector<float> clip = golden_clip();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(explainer.explain(clip.data(), window_of()).valid);
  setter.join();
}

TEST(SliceAt, LiesWithinTheWindow) {
  const Window window = window_of(1000);
  EXPECT_EQ(slice_at(window, INT64_MIN / 2), 0);
  EXPECT_EQ(slice_at(window, 1000), 0);
  EXPECT_EQ(slice_at(window, 1000 + kSlice / 4), 0.25);
  EXPECT_EQ(slice_at(window, 1000 + 3 * kSlice), 3);
  EXPECT_EQ(slice_at(window, 1000 + 7 * kSlice), 7);
  EXPECT_EQ(slice_at(window, INT64_MAX / 2), 7);
  EXPECT_EQ(slice_at(Window{}, 5), 0);
}

TEST(SliceAt, EqualTimes) {
  Window window;
  window.pts = {0, 0, 10, 10, 10, 20};
  EXPECT_EQ(slice_at(window, -1), 0);
  EXPECT_EQ(slice_at(window, 0), 1);
  EXPECT_EQ(slice_at(window, 5), 1.5);
  EXPECT_EQ(slice_at(window, 10), 4);
  EXPECT_EQ(slice_at(window, 15), 4.5);
  EXPECT_EQ(slice_at(window, 20), 5);
  window.pts.assign(6, 7);
  for (const int64_t pts : {0, 7, 9}) EXPECT_FALSE(std::isnan(slice_at(window, pts)));
}

}  // namespace
}  // namespace tubecam
