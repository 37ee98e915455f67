// Exact truths, memory safety; tests/python/kernels/test_preprocess.py compares with NumPy.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "base/error.h"
#include "clip/preprocess/preprocess.h"

namespace tubecam {
namespace {

constexpr PixelFormat kFormats[] = {PixelFormat::kNV12, PixelFormat::kI420, PixelFormat::kRGB,
                                    PixelFormat::kBGR,  PixelFormat::kRGBx, PixelFormat::kBGRx,
                                    PixelFormat::kRGBA, PixelFormat::kBGRA};

// Planes of exactly the bytes that the format needs: the last row has no padding, so that a
// sanitiser sees any byte read beyond it.
struct Picture {
  Picture(PixelFormat format, int width, int height, int padding) {
    frame.format = format;
    frame.width = width;
    frame.height = height;
    for (int i = 0; i < num_planes(format); ++i) {
      const PlaneLayout layout = plane_layout(format, width, height, i);
      const int bytes = layout.width * layout.channels;
      frame.stride[i] = bytes + padding;
      planes[i].resize(size_t(frame.stride[i]) * (layout.height - 1) + bytes);
      frame.plane[i] = planes[i].data();
    }
  }

  void fill(unsigned seed) {
    std::mt19937 random(seed);
    for (auto& plane : planes) {
      for (auto& byte : plane) byte = uint8_t(random());
    }
  }

  Frame frame;
  std::vector<uint8_t> planes[3];
};

std::vector<float> slice_of(const Frame& frame, const ClipSpec& spec) {
  std::vector<float> slice(size_t(3) * spec.height * spec.width, NAN);
  preprocess(frame, spec.source_rect(frame.width, frame.height), spec, slice.data());
  return slice;
}

TEST(Preprocess, StaysInsideThePlanesAndWritesEveryValue) {
  for (const PixelFormat format : kFormats) {
    for (const ResizeRule rule : {ResizeRule::kCrop, ResizeRule::kStretch, ResizeRule::kPad}) {
      for (const auto& [width, height] :
           {std::pair{1, 1}, {2, 3}, {3, 5}, {31, 17}, {639, 361}, {1, 2000}, {2001, 2}}) {
        Picture picture(format, width, height, 7);
        picture.fill(1);
        ClipSpec spec;
        spec.resize = rule;
        spec.height = 20;
        spec.width = 33;
        spec.mean = {};
        spec.std = {1, 1, 1};
        for (const float value : slice_of(picture.frame, spec)) {
          ASSERT_TRUE(value >= 0 && value <= 1.000001f) << to_string(format) << value;
        }
      }
    }
  }
}

TEST(Preprocess, StridesDoNotMatter) {
  for (const PixelFormat format : kFormats) {
    Picture dense(format, 51, 37, 0), loose(format, 51, 37, 13);
    for (int i = 0; i < num_planes(format); ++i) {
      const PlaneLayout layout = plane_layout(format, 51, 37, i);
      for (int y = 0; y < layout.height; ++y) {
        for (int x = 0; x < layout.width * layout.channels; ++x) {
          const uint8_t value = uint8_t(y * 31 + x * 17 + i);
          dense.frame.plane[i][size_t(y) * dense.frame.stride[i] + x] = value;
          loose.frame.plane[i][size_t(y) * loose.frame.stride[i] + x] = value;
        }
      }
    }
    EXPECT_EQ(slice_of(dense.frame, {}), slice_of(loose.frame, {})) << to_string(format);
  }
}

TEST(Preprocess, BgrIsRgbReversed) {
  Picture rgb(PixelFormat::kRGB, 40, 30, 0), bgr(PixelFormat::kBGR, 40, 30, 0);
  rgb.fill(2);
  bgr.planes[0] = rgb.planes[0];
  bgr.frame.plane[0] = bgr.planes[0].data();
  ClipSpec reversed;
  reversed.color = ColorOrder::kBgr;
  EXPECT_EQ(slice_of(rgb.frame, {}), slice_of(bgr.frame, reversed));
}

TEST(Preprocess, KeptWeightsGiveTheSameAsNewOnes) {
  const ClipSpec spec;
  Preprocessor kept(spec);
  std::vector<float> slice(size_t(3) * spec.height * spec.width);
  for (const auto& [width, height] : {std::pair{64, 48}, {64, 48}, {48, 64}, {64, 48}}) {
    for (const PixelFormat format : {PixelFormat::kNV12, PixelFormat::kI420}) {
      Picture picture(format, width, height, 3);
      picture.fill(unsigned(width));
      kept.run(picture.frame, spec.source_rect(width, height), slice.data());
      EXPECT_EQ(slice, slice_of(picture.frame, spec));
    }
  }
}

TEST(Preprocess, RefusesFramesThatLackMemory) {
  Picture picture(PixelFormat::kNV12, 64, 48, 0);
  Frame no_chroma = picture.frame, narrow = picture.frame, empty = picture.frame;
  no_chroma.plane[1] = nullptr;
  narrow.stride[1] = 63;
  empty.width = 0;
  for (const Frame& frame : {no_chroma, narrow, empty}) EXPECT_THROW(check_frame(frame), Error);
  EXPECT_NO_THROW(check_frame(picture.frame));
}

TEST(Preprocess, RefusesDevicesThatAreNotThere) {
  EXPECT_THROW(Preprocessor({}, {DeviceType::kCuda, 999}), Error);
}

TEST(ClipSpec, SourceRectFollowsTheRule) {
  ClipSpec spec;  // crop, 112×112 of a shorter side of 112
  EXPECT_EQ(spec.source_rect(1920, 1080), (Rect{420, 0, 1080, 1080}));
  spec.short_side = 128;
  EXPECT_EQ(spec.source_rect(128, 256), (Rect{8, 72, 112, 112}));
  spec.resize = ResizeRule::kStretch;
  EXPECT_EQ(spec.source_rect(1920, 1080), (Rect{0, 0, 1920, 1080}));
  spec.resize = ResizeRule::kPad;
  EXPECT_EQ(spec.source_rect(224, 112), (Rect{0, -56, 224, 224}));
}

TEST(ClipSpec, NamesTheFieldThatIsOutOfRange) {
  ClipSpec spec;
  EXPECT_NO_THROW(check_clip_spec(spec));
  spec.std[1] = 0;
  try {
    check_clip_spec(spec);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("clip.std"), std::string::npos);
  }
}

}  // namespace
}  // namespace tubecam
