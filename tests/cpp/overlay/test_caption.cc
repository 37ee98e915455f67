#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "overlay/caption/caption.h"

namespace tubecam {
namespace {

struct Canvas {
  Canvas(PixelFormat format, int width, int height, uint8_t value = 128) {
    frame.format = format;
    frame.width = width;
    frame.height = height;
    for (int i = 0; i < num_planes(format); ++i) {
      const PlaneLayout layout = plane_layout(format, width, height, i);
      frame.stride[i] = layout.width * layout.channels + 3;
      planes[i].assign(static_cast<size_t>(frame.stride[i]) * layout.height, value);
      frame.plane[i] = planes[i].data();
    }
  }
  std::vector<uint8_t> planes[3];
  Frame frame;
};

Caption example() {
  Caption caption;
  caption.label = "right";
  caption.score = "93 %";
  caption.note = "gradcam";
  caption.strip = {0.1f, 0.8f, 0.3f};
  caption.strip_now = 0.5;
  return caption;
}

class CaptionFormats : public testing::TestWithParam<PixelFormat> {};

TEST_P(CaptionFormats, DrawsInsideTheRowsOfAnySize) {
  CaptionPainter painter;
  for (const auto& [width, height] :
       {std::pair(48, 32), {49, 33}, {321, 241}, {1280, 720}, {64, 900}}) {
    Canvas canvas(GetParam(), width, height);
    painter.draw(canvas.frame, example(), ColorMap::kTurbo);
    for (int i = 0; i < num_planes(GetParam()); ++i) {
      const PlaneLayout layout = plane_layout(GetParam(), width, height, i);
      bool changed = false;
      for (int y = 0; y < layout.height; ++y) {
        const uint8_t* row =
            canvas.frame.plane[i] + static_cast<ptrdiff_t>(y) * canvas.frame.stride[i];
        const int bytes = layout.width * layout.channels;
        changed |= std::any_of(row, row + bytes, [](uint8_t byte) { return byte != 128; });
        for (int x = bytes; x < bytes + 3; ++x) ASSERT_EQ(row[x], 128);
        for (int x = 3; x < bytes && layout.channels == 4; x += 4) ASSERT_EQ(row[x], 128);
      }
      EXPECT_TRUE(changed) << width << "x" << height << " plane " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CaptionFormats,
                         testing::Values(PixelFormat::kNV12, PixelFormat::kI420, PixelFormat::kRGB,
                                         PixelFormat::kBGR, PixelFormat::kRGBx, PixelFormat::kBGRx,
                                         PixelFormat::kRGBA, PixelFormat::kBGRA));

TEST(Caption, NothingToSayLeavesTheFrame) {
  Canvas canvas(PixelFormat::kNV12, 320, 240, 99);
  CaptionPainter().draw(canvas.frame, {}, ColorMap::kTurbo);
  for (const auto& plane : canvas.planes)
    EXPECT_TRUE(std::all_of(plane.begin(), plane.end(), [](uint8_t byte) { return byte == 99; }));
}

TEST(Caption, AnyBytesAsText) {
  CaptionPainter painter;
  const std::string texts[] = {"\xff\xfe\x80",
                               std::string("a\0b", 3),
                               "\xed\xa0\x80",
                               std::string(100000, 'w'),
                               std::string(399, 'a') + "\xc3\xa9",
                               "\xd7\x99\xd7\x9e\xd7\x99\xd7\x9f",
                               "\xe5\x8f\xb3\xe3\x81\xb8",
                               "a\nb\r\n"};
  for (const std::string& text : texts) {
    Canvas canvas(PixelFormat::kRGB, 320, 240);
    Caption caption = example();
    caption.label = caption.note = text;
    painter.draw(canvas.frame, caption, ColorMap::kInferno);
    // Ellipsised: a margin stays free at the right.
    for (int y = 0; y < 120; ++y)
      for (int i = 3 * 316; i < 3 * 320; ++i)
        ASSERT_EQ(canvas.planes[0][y * canvas.frame.stride[0] + i], 128);
  }
}

TEST(Caption, NanInStripAndScoreCountsAsNothing) {
  Canvas with_nan(PixelFormat::kRGB, 320, 240), with_zero(PixelFormat::kRGB, 320, 240);
  Caption caption = example();
  caption.strip = {NAN, 0.5f, -1};
  CaptionPainter().draw(with_nan.frame, caption, ColorMap::kTurbo);
  caption.strip = {0, 0.5f, 0};
  CaptionPainter().draw(with_zero.frame, caption, ColorMap::kTurbo);
  EXPECT_EQ(with_nan.planes[0], with_zero.planes[0]);
  caption.score = "";
  caption.strip_now = NAN;
  CaptionPainter().draw(with_nan.frame, caption, ColorMap::kTurbo);
}

TEST(Caption, TheMarkerMovesWithTime) {
  const auto marker_at = [](double now) {
    Canvas canvas(PixelFormat::kRGB, 640, 360, 0);
    Caption caption;
    caption.strip = {0, 0};
    caption.strip_now = now;
    CaptionPainter().draw(canvas.frame, caption, ColorMap::kInferno);
    const uint8_t* row = canvas.planes[0].data() + 340 * canvas.frame.stride[0];
    int best = 0;
    for (int x = 20; x < 620; ++x)
      if (row[3 * x] > row[3 * best]) best = x;
    return best;
  };
  EXPECT_NEAR(marker_at(0.25), 165, 6);
  EXPECT_NEAR(marker_at(0.5), 320, 6);
  EXPECT_NEAR(marker_at(0.75), 475, 6);
}

TEST(Caption, OnePainterFollowsSizesAndFormats) {
  CaptionPainter kept;
  for (const PixelFormat format : {PixelFormat::kNV12, PixelFormat::kRGB, PixelFormat::kNV12})
    for (const int width : {320, 640}) {
      Canvas by_kept(format, width, 240), by_new(format, width, 240);
      kept.draw(by_kept.frame, example(), ColorMap::kTurbo);
      CaptionPainter().draw(by_new.frame, example(), ColorMap::kTurbo);
      for (int i = 0; i < num_planes(format); ++i) EXPECT_EQ(by_kept.planes[i], by_new.planes[i]);
    }
}

}  // namespace
}  // namespace tubecam
