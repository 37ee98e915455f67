// The flow of a clip: what reaches the engine behind the seam, and what is taken over.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "clip/optical_flow/clip_flow.h"

namespace tubecam {
namespace {

constexpr size_t kPixels = 16 * 16;

ClipSpec spec_of(int length) {
  ClipSpec spec;
  spec.length = length;
  spec.height = spec.width = 16;
  spec.mean = {0.4f, 0.5f, 0.6f};
  spec.std = {0.2f, 0.25f, 0.5f};
  spec.flow = {true, 20, 0.05f};
  return spec;
}

// x: the grey of `from`; y: the grey of `to`, as they are at the first pixel.
class Fake : public OpticalFlow {
 public:
  explicit Fake(int* calls) : calls_(calls) {}
  void run(const uint8_t* from, const uint8_t* to, float* flow) override {
    check(++*calls_ != fail_at, ErrorCode::kEngine, "broken");
    for (size_t i = 0; i < kPixels; ++i) {
      flow[i] = from[0];
      flow[kPixels + i] = -float(to[0]);
    }
  }
  static int fail_at;

 private:
  int* calls_;
};
int Fake::fail_at = -1;

// Sampled frames of one grey level each, 0…255.
std::vector<float> clip_of(const std::vector<int>& levels, const ClipSpec& spec) {
  std::vector<float> clip;
  for (const int level : levels) {
    for (size_t c = 0; c < 3; ++c)
      clip.insert(clip.end(), kPixels, (float(level) / 255 - spec.mean[c]) / spec.std[c]);
  }
  return clip;
}

TEST(ClipFlow, ClampsAndScalesTheFlowBetweenGreyPictures) {
  int calls = 0;
  const ClipSpec spec = spec_of(3);
  ClipFlow flow(spec, std::make_unique<Fake>(&calls));
  const float* result = flow.run(clip_of({5, 12, 200}, spec).data()).f32();
  EXPECT_FLOAT_EQ(result[0], 5 * 0.05f);
  EXPECT_FLOAT_EQ(result[kPixels], -12 * 0.05f);
  EXPECT_FLOAT_EQ(result[2 * kPixels], 12 * 0.05f);
  EXPECT_FLOAT_EQ(result[3 * kPixels], -1.0f);  // −200 pixels are clamped to −20
}

TEST(ClipFlow, TakesOverWhatTheWindowBeforeHad) {
  int calls = 0;
  const ClipSpec spec = spec_of(5);
  ClipFlow flow(spec, std::make_unique<Fake>(&calls));
  flow.run(clip_of({1, 2, 3, 4, 5}, spec).data());
  EXPECT_EQ(calls, 4);
  const float* result = flow.run(clip_of({3, 4, 5, 6, 7}, spec).data()).f32();
  EXPECT_EQ(calls, 6);
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(result[i * 2 * kPixels], float(3 + i) * 0.05f);
  flow.run(clip_of({3, 4, 5, 6, 7}, spec).data());
  EXPECT_EQ(calls, 6);
  flow.run(clip_of({3, 9, 5, 6, 7}, spec).data());  // two flows touch the frame that changed
  EXPECT_EQ(flow.computed(), 8u);
}

TEST(ClipFlow, AFrozenCopyOfAWindowDoesNotReplaceIt) {
  int calls = 0;
  const ClipSpec spec = spec_of(3);
  ClipFlow flow(spec, std::make_unique<Fake>(&calls));
  flow.run(clip_of({1, 2, 3}, spec).data());
  const float* still = flow.run(clip_of({2, 2, 2}, spec).data()).f32();
  for (size_t i = 0; i < 4 * kPixels; ++i) ASSERT_EQ(still[i], 0);
  flow.run(clip_of({2, 3, 4}, spec).data());
  EXPECT_EQ(calls, 3);
}

TEST(ClipFlow, ForgetsAWindowThatFailed) {
  int calls = 0;
  const ClipSpec spec = spec_of(3);
  ClipFlow flow(spec, std::make_unique<Fake>(&calls));
  Fake::fail_at = 2;
  EXPECT_THROW(flow.run(clip_of({1, 2, 3}, spec).data()), Error);
  Fake::fail_at = -1;
  const float* result = flow.run(clip_of({1, 2, 3}, spec).data()).f32();
  EXPECT_EQ(calls, 4);
  EXPECT_FLOAT_EQ(result[2 * kPixels], 2 * 0.05f);
}

TEST(ClipFlow, NeedsTwoSlicesAndAPictureLargeEnough) {
  int calls = 0;
  EXPECT_THROW(ClipFlow(spec_of(1), std::make_unique<Fake>(&calls)), Error);
  EXPECT_THROW(make_optical_flow(16, 15), Error);
}

// A function of OpenCV, which is loaded with the flow's library and known to it alone.
template <typename Function>
Function* of_opencv(const char* name) {
  std::string path;
  dl_iterate_phdr(
      [](dl_phdr_info* library, size_t, void* found) {
        if (!std::strstr(library->dlpi_name, "/libopencv_core.so")) return 0;
        *static_cast<std::string*>(found) = library->dlpi_name;
        return 1;
      },
      &path);
  void* library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  return library ? reinterpret_cast<Function*>(dlsym(library, name)) : nullptr;
}

TEST(OpticalFlow, LeavesTheProcessItsNumberOfThreads) {
  std::unique_ptr<OpticalFlow> first, second;
  try {
    first = make_optical_flow(32, 32), second = make_optical_flow(32, 32);
  } catch (const Error& error) {
    if (std::getenv("TUBECAM_REQUIRE_PLUGIN")) throw;  // set after OpenCV was installed
    GTEST_SKIP() << error.what();
  }
  auto* threads = of_opencv<int()>("_ZN2cv13getNumThreadsEv");
  auto* set_threads = of_opencv<void(int)>("_ZN2cv13setNumThreadsEi");
  ASSERT_TRUE(threads && set_threads);
  set_threads(3);
  const auto work = [](OpticalFlow* flow) {
    const std::vector<uint8_t> from(32 * 32, 90), to(32 * 32, 120);
    std::vector<float> vectors(2 * 32 * 32);
    for (int i = 0; i < 300; ++i) flow->run(from.data(), to.data(), vectors.data());
  };
  std::thread other(work, second.get());
  work(first.get());
  other.join();
  EXPECT_EQ(threads(), 3);
}

}  // namespace
}  // namespace tubecam
