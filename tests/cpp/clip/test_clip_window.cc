// The ring and its memory; tests/python/kernels/test_clip_window.py holds the rules of sampling.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "base/error.h"
#include "clip/clip_window.h"

namespace {

std::atomic<int> allocations{0};

}  // namespace

// Counts what the program allocates, for the promise that a steady stream allocates nothing.
// Not inlined: compilers would take malloc and operator delete for a mismatched pair.
// AddressSanitizer pairs each form of new with its delete, so its own stay in charge there.
#ifndef __SANITIZE_ADDRESS__
__attribute__((noinline)) void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace tubecam {
namespace {

constexpr int64_t kSecond = 1000000000;

ClipSpec small_spec(int length) {
  ClipSpec spec;
  spec.length = length;
  spec.height = spec.width = 8;
  spec.mean = {};
  spec.std = {1, 1, 1};
  return spec;
}

// A grey frame that is recognised by its value.
class Grey {
 public:
  explicit Grey(int value, int width = 16, int height = 9)
      : pixels_(size_t(3) * width * height, uint8_t(value)) {
    frame_.width = width;
    frame_.height = height;
    frame_.plane[0] = pixels_.data();
    frame_.stride[0] = 3 * width;
  }
  const Frame& frame() const { return frame_; }

 private:
  std::vector<uint8_t> pixels_;
  Frame frame_;
};

std::vector<int> values_of(const ClipWindow& clip_window) {
  const ClipSpec& spec = clip_window.spec();
  const size_t slice = size_t(3) * spec.height * spec.width;
  std::vector<float> clip(spec.length * slice);
  clip_window.copy_to(clip.data());
  std::vector<int> values;
  for (size_t i = 0; i < clip.size(); i += slice) values.push_back(int(clip[i] * 255 + 0.5f));
  return values;
}

TEST(ClipWindow, RingGivesTheNewestSlicesOldestFirst) {
  ClipWindow clip_window(small_spec(5), 1);
  for (int i = 0; i < 23; ++i) {
    const bool complete = clip_window.push(Grey(i).frame(), i * kSecond / 15);
    ASSERT_EQ(complete, i >= 4);
    if (!complete) continue;
    EXPECT_EQ(values_of(clip_window), (std::vector<int>{i - 4, i - 3, i - 2, i - 1, i}));
    EXPECT_EQ(clip_window.window().sequence, uint64_t(i - 4));
    for (int slot = 0; slot < 5; ++slot) {
      EXPECT_EQ(clip_window.window().pts[slot], (i - 4 + slot) * kSecond / 15);
    }
  }
}

TEST(ClipWindow, SteadyStreamAllocatesNothing) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "allocations are not counted under AddressSanitizer";
#endif
  ClipWindow clip_window(small_spec(4), 2);
  const Grey grey(7, 64, 48);
  int64_t pts = 0;
  for (int i = 0; i < 8; ++i, pts += kSecond / 30) clip_window.push(grey.frame(), pts);
  const int before = allocations;
  EXPECT_GT(before, 0);
  for (int i = 0; i < 100; ++i, pts += kSecond / 30) clip_window.push(grey.frame(), pts);
  EXPECT_EQ(allocations, before);
}

TEST(ClipWindow, NeverMixesSlicesAcrossADiscontinuity) {
  ClipWindow clip_window(small_spec(4), 1);
  int windows = 0;
  for (int i = 0; i < 60; ++i) {
    const int scene = i / 7;  // each starts a minute after the one before
    const int64_t pts = scene * 60 * kSecond + (i % 7) * kSecond / 15;
    if (!clip_window.push(Grey(scene).frame(), pts)) continue;
    ++windows;
    EXPECT_EQ(values_of(clip_window), std::vector<int>(4, scene));
  }
  EXPECT_EQ(windows, 8 * 4 + 1);
  EXPECT_EQ(clip_window.resets(), 8u);
}

TEST(ClipWindow, BadFramesChangeNothing) {
  ClipWindow clip_window(small_spec(2), 1);
  clip_window.push(Grey(1).frame(), 0);
  Frame broken = Grey(2).frame();
  broken.plane[0] = nullptr;
  EXPECT_THROW(clip_window.push(broken, kSecond / 15), Error);
  EXPECT_THROW(clip_window.push(Grey(2).frame(), -1), Error);
  EXPECT_TRUE(clip_window.push(Grey(3).frame(), kSecond / 15));
  EXPECT_EQ(values_of(clip_window), (std::vector<int>{1, 3}));
}

TEST(ClipWindow, GridReachesTheEndOfTime) {
  ClipWindow clip_window(small_spec(2), 1);
  const int64_t last = int64_t(1) << 62;
  EXPECT_FALSE(clip_window.push(Grey(1).frame(), last - kSecond / 15));
  EXPECT_TRUE(clip_window.push(Grey(2).frame(), last));
  EXPECT_THROW(clip_window.push(Grey(3).frame(), last + 1), Error);
}

}  // namespace
}  // namespace tubecam
