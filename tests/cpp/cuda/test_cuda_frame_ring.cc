// Windows whose sampled frames lie on the device against those in system memory, whatever the
// streams' order.
#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>

#include "clip/clip_window.h"
#include "clip/frame/frame_cuda.h"
#include "support/cuda_fixture.h"
#include "support/picture.h"
#include "support/work_orders.h"

namespace tubecam {
namespace {

using CudaFrameRing = CudaTest;

constexpr int64_t kSecond = 1000000000;

ClipSpec spec_of(int length, double fps = 10) {
  ClipSpec spec;
  spec.length = length;
  spec.height = 9;
  spec.width = 11;
  spec.mean = {0.4f, 0.5f, 0.3f};
  spec.std = {0.2f, 0.25f, 0.3f};
  spec.sample_fps = fps;
  return spec;
}

size_t values_of(const ClipSpec& spec) {
  return size_t(spec.length) * 3 * size_t(spec.height) * size_t(spec.width);
}

// A clip that is read on another stream, as an engine reads it.
struct InFlight {
  ClipBuffer clip;
  PinnedBuffer seen;
  CudaEvent read;
  std::vector<float> expected;

  void begin(const CudaStream& reader) {
    wait_for_event(clip.view.ready, reader.get());
    copy_async(seen.data(), clip.view.data, seen.bytes(), reader.get());
    read.record(reader.get());
  }
  void check_values() {
    read.synchronize();
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(seen.as<float>()[i], expected[i], 2e-5);
  }
};

// Pushes the same frames into both windows, and holds the clips of the device back for a while.
class RingPair {
 public:
  RingPair(const ClipSpec& spec, int hop, unsigned seed)
      : here_(spec, hop), there_(spec, hop, 1.0, kGpu), random_(seed) {
    for (InFlight& flight : flights_) {
      flight.clip = there_.make_clip();
      flight.seen = PinnedBuffer(values_of(spec) * sizeof(float));
    }
  }

  void push(const Frame& frame, const Frame& as_given, int64_t pts) {
    const bool complete = here_.push(frame, pts);
    ASSERT_EQ(there_.push(as_given, pts), complete);
    ASSERT_EQ(there_.resets(), here_.resets());
    if (!complete) return;
    ASSERT_EQ(there_.window().pts, here_.window().pts);
    InFlight& flight = flights_[windows_++ % 3];
    if (!flight.expected.empty()) flight.check_values();
    flight.expected.resize(values_of(here_.spec()));
    here_.copy_to(flight.expected.data());
    there_.copy_to(flight.clip.view);
    flight.begin(reader_);
  }
  void finish() {
    for (InFlight& flight : flights_) flight.check_values();
  }
  void reset() { here_.reset(), there_.reset(); }
  ClipWindow& there() { return there_; }
  unsigned draw(unsigned below) { return unsigned(random_() % below); }
  unsigned windows() const { return windows_; }

 private:
  ClipWindow here_, there_;
  std::mt19937 random_;
  CudaStream reader_;
  InFlight flights_[3];
  unsigned windows_ = 0;
};

TEST_F(CudaFrameRing, GivesTheSameClipsAsInSystemMemory) {
  for_each_work_order([](unsigned order) {
    unsigned windows = 0;
    for (unsigned seed = 0; seed < 12; ++seed) {
      RingPair pair(spec_of(3 + int(seed % 4)), 1 + int(seed % 3), seed * 7 + order);
      int64_t pts = 0;
      int width = 24, height = 17;
      PixelFormat format = kPixelFormats[seed % 8];
      for (int i = 0; i < 40; ++i) {
        const unsigned event = pair.draw(20);
        if (event == 0) pair.reset();
        if (event == 1) width = 10 + int(pair.draw(40)), height = 8 + int(pair.draw(30));
        if (event == 2) format = kPixelFormats[pair.draw(8)];
        pts += event == 3 ? 3 * kSecond : event == 4 ? kSecond / 3 : kSecond / 12;
        AnyPicture picture(format, width, height, int(pair.draw(9)), seed * 1000 + unsigned(i));
        pair.push(picture.frame, picture.frame, pts);
        if (testing::Test::HasFatalFailure()) return;
        for (auto& plane : picture.planes) std::fill(plane.begin(), plane.end(), uint8_t(0));
      }
      windows += pair.windows();
      pair.finish();
    }
    EXPECT_GT(windows, 50u);
  });
}

// Frames that a decoder on the device wrote, and overwrites as soon as it may.
TEST_F(CudaFrameRing, FramesOnTheDeviceAreReadWhereTheyLie) {
  for_each_work_order([](unsigned) {
    for (const bool with_stream : {true, false}) {
      RingPair pair(spec_of(4), 2, 5);
      const CudaStream decoder;
      StagedFrame surface;
      std::deque<AnyPicture> pictures;
      for (int i = 0; i < 30; ++i) {
        const AnyPicture& picture =
            pictures.emplace_back(PixelFormat::kNV12, 30, 20, 0, unsigned(i) + 1);
        Frame frame = surface.bring(picture.frame, decoder.get());
        if (with_stream)
          frame.stream = decoder.get();
        else
          decoder.synchronize();
        EXPECT_EQ(frame.device.type, DeviceType::kCuda);
        pair.push(picture.frame, frame, i * kSecond / 10);
        if (testing::Test::HasFatalFailure()) return;
        const size_t luma = size_t(frame.stride[0]) * 20;
        if (with_stream)
          zero_async(frame.plane[0], luma, decoder.get());
        else
          copy_async(frame.plane[0], std::vector<char>(luma).data(), luma, decoder.get());
      }
      pair.finish();
    }
  });
}

TEST_F(CudaFrameRing, TheClipCanBeBroughtBack) {
  const ClipSpec spec = spec_of(3);
  ClipWindow here(spec, 1), there(spec, 1, 1.0, kGpu);
  std::vector<float> expected(values_of(spec)), got(expected.size());
  for (int i = 0; i < 5; ++i) {
    const AnyPicture picture(PixelFormat::kI420, 33, 21, 2, unsigned(i));
    here.push(picture.frame, i * kSecond / 10);
    there.push(picture.frame, i * kSecond / 10);
  }
  here.copy_to(expected.data());
  there.copy_to(got.data());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-5);
}

TEST_F(CudaFrameRing, MovesToTheCpuAndStartsOver) {
  const ClipSpec spec = spec_of(2);
  ClipWindow window(spec, 1, 1.0, kGpu);
  const AnyPicture picture(PixelFormat::kRGB, 20, 20, 0, 1);
  EXPECT_FALSE(window.push(picture.frame, 0));
  EXPECT_TRUE(window.push(picture.frame, kSecond / 10));
  const uint64_t segment = window.window().segment;
  window.move_to(Device{});
  EXPECT_EQ(window.resets(), 1u);
  EXPECT_EQ(window.slots_missing(), 2);
  EXPECT_FALSE(window.push(picture.frame, 2 * kSecond / 10));
  EXPECT_TRUE(window.push(picture.frame, 3 * kSecond / 10));
  EXPECT_GT(window.window().segment, segment);
  EXPECT_EQ(window.window().sequence, 1u);
  EXPECT_EQ(window.make_clip().view.device.type, DeviceType::kCpu);
}

TEST_F(CudaFrameRing, AFrameOfAnotherGpuIsRefusedAndChangesNothing) {
  ClipWindow window(spec_of(2), 1, 1.0, kGpu);
  AnyPicture picture(PixelFormat::kRGB, 20, 20, 0, 1);
  window.push(picture.frame, 0);
  Frame elsewhere = picture.frame;
  elsewhere.device = {DeviceType::kCuda, 3};
  try {
    window.push(elsewhere, kSecond / 10);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("cuda:3"), std::string::npos);
  }
  EXPECT_EQ(window.slots_missing(), 1);
  EXPECT_TRUE(window.push(picture.frame, kSecond / 10));
}

#ifdef TUBECAM_EMULATED_CUDA
TEST_F(CudaFrameRing, ASteadyStreamNeitherAllocatesNorWaits) {
  ClipWindow window(spec_of(4), 2, 1.0, kGpu);
  const ClipBuffer clip = window.make_clip();
  const AnyPicture picture(PixelFormat::kNV12, 64, 48, 3, 1);
  int64_t pts = 0;
  const auto push = [&](int count) {
    for (int i = 0; i < count; ++i, pts += kSecond / 10)
      if (window.push(picture.frame, pts)) window.copy_to(clip.view);
  };
  push(8);
  const int allocations = emulated_cuda::allocations(), waits = emulated_cuda::waits();
  push(100);
  EXPECT_EQ(emulated_cuda::allocations(), allocations);
  EXPECT_EQ(emulated_cuda::waits(), waits);
}

TEST_F(CudaFrameRing, ALostDeviceIsAnErrorAndTheCpuGoesOn) {
  ClipWindow window(spec_of(2), 1, 1.0, kGpu);
  const AnyPicture picture(PixelFormat::kRGB, 20, 20, 0, 1);
  window.push(picture.frame, 0);
  emulated_cuda::lose_device(true);
  try {
    window.push(picture.frame, kSecond / 10);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDevice);
  }
  window.move_to(Device{});
  EXPECT_FALSE(window.push(picture.frame, 2 * kSecond / 10));
  EXPECT_TRUE(window.push(picture.frame, 3 * kSecond / 10));
  emulated_cuda::lose_device(false);
}
#endif

}  // namespace
}  // namespace tubecam
