#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "base/error.h"
#include "overlay/blend/blend.h"
#include "overlay/heat/heat_math.h"
#include "overlay/overlay.h"

namespace tubecam {
namespace {

// An RGB picture in one gray with a guard after each row.
struct Picture {
  Picture(int width, int height, uint8_t value, int guard = 5)
      : stride(3 * width + guard), bytes(static_cast<size_t>(stride) * height, value) {
    frame.format = PixelFormat::kRGB;
    frame.width = width;
    frame.height = height;
    frame.plane = {bytes.data(), nullptr, nullptr};
    frame.stride = {stride, 0, 0};
  }
  int at(int x, int y, int c) const { return bytes[static_cast<size_t>(y) * stride + 3 * x + c]; }

  int stride;
  std::vector<uint8_t> bytes;
  Frame frame;
};

HeatPlane plane_over(const Frame& frame, const std::vector<float>& values, int h, int w) {
  HeatPlane plane;
  plane.values = values.data();
  plane.h = h;
  plane.w = w;
  plane.clip_height = 8 * h;
  plane.clip_width = 8 * w;
  plane.stride = {8, 8};
  plane.offset = {3.5, 3.5};
  plane.source = {0, 0, double(frame.width), double(frame.height)};
  return plane;
}

ErrorCode code_of(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) {
  try {
    blend_heat(frame, plane, style);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kEngine;
}

TEST(Blend, RowsLieOnALineBetweenFirstAndNext) {
  constexpr int kBytes = 37;
  for (int log2_rows = 0; log2_rows <= 4; ++log2_rows) {
    const int rows = 1 << log2_rows;
    BlendRow first, next;
    first.reset(kBytes);
    next.reset(kBytes);
    for (int i = 0; i < kBytes; ++i) {
      first.keep(i & 1)[i >> 1] = kKeepAll;
      next.keep(i & 1)[i >> 1] = 16;
      next.add(i & 1)[i >> 1] = kAddNothing + 200 * 128;
    }
    std::vector<uint8_t> bytes(kBytes * rows, 100);
    blend_rows(bytes.data(), kBytes, log2_rows, kBytes, first, next);
    for (int row = 0; row < rows; ++row)
      for (int i = 0; i < kBytes; ++i)
        EXPECT_NEAR(bytes[row * kBytes + i], 100 + 100.0 * row / rows, 1) << rows << " " << row;
  }
}

TEST(Blend, ResetRowsLeaveEveryByte) {
  BlendRow row;
  row.reset(256);
  std::vector<uint8_t> bytes(256);
  for (int i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
  blend_rows(bytes.data(), 256, 0, 256, row, row);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(bytes[i], i);
}

TEST(Overlay, FullHeatIsTheLastColorAtAlpha) {
  Picture picture(40, 30, 100);
  const std::vector<float> values(30, 3.0f);
  blend_heat(picture.frame, plane_over(picture.frame, values, 5, 6),
             {ColorMap::kViridis, 0.5f, 0.1f});
  const auto& last = color_table(ColorMap::kViridis)[255];
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 40; ++x)
      for (int c = 0; c < 3; ++c) ASSERT_NEAR(picture.at(x, y, c), (100 + last[c]) / 2.0, 1);
  for (int y = 0; y < 30; ++y)
    for (int i = 120; i < 125; ++i) ASSERT_EQ(picture.bytes[y * picture.stride + i], 100);
}

TEST(Overlay, AColdPlaneLeavesTheFrame) {
  Picture picture(33, 21, 77);
  std::vector<float> values = {0.1f, -3, NAN, 0.15f};
  blend_heat(picture.frame, plane_over(picture.frame, values, 2, 2), {ColorMap::kJet, 1, 0.15f});
  EXPECT_TRUE(std::all_of(picture.bytes.begin(), picture.bytes.end(),
                          [](uint8_t byte) { return byte == 77; }));
}

TEST(Overlay, HeatRisesAlongARamp) {
  Picture picture(320, 40, 0);
  std::vector<float> values;
  for (int i = 0; i < 5 * 10; ++i) values.push_back(0.1f * (i % 10));
  blend_heat(picture.frame, plane_over(picture.frame, values, 5, 10), {ColorMap::kHot, 1, 0});
  for (int x = 1; x < 320; ++x) {
    int before = 0, now = 0;
    for (int c = 0; c < 3; ++c) {
      before += picture.at(x - 1, 20, c);
      now += picture.at(x, 20, c);
    }
    ASSERT_GE(now + 2, before) << x;
  }
}

// Where opacity nears 1, keep falls by less than one part a row.
TEST(Overlay, OpaqueHeatHasNoStrayPixels) {
  std::vector<float> values;
  for (int i = 0; i < 48; ++i) values.push_back(0.5f + 0.15f * ((i / 8 + i % 8) % 2));
  for (const int height : {97, 211, 412, 733}) {
    Picture picture(301, height, 100);
    blend_heat(picture.frame, plane_over(picture.frame, values, 6, 8),
               {ColorMap::kTurbo, 1, 0.15f});
    for (int y = 1; y < height; ++y)
      for (int x = 0; x < 301; ++x)
        for (int c = 0; c < 3; ++c)
          ASSERT_NEAR(picture.at(x, y, c), picture.at(x, y - 1, c), 24) << x << " " << y;
  }
}

// 3×4 cells of 20×20 pixels; two are hot, and nothing lies between a hot and a cold one.
TEST(Overlay, FewCellsAreBlocks) {
  Picture picture(80, 60, 100);
  std::vector<float> values(12, 0.0f);
  values[5] = 1, values[6] = 0.5f;
  blend_heat(picture.frame, plane_over(picture.frame, values, 3, 4), {ColorMap::kHot, 1, 0.15f});
  const auto same = [&](int x, int y, int from_x) {
    for (int c = 0; c < 3; ++c)
      if (picture.at(x, y, c) != picture.at(from_x, 30, c)) return false;
    return true;
  };
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 80; ++x) {
      const bool row = y > 20 && y < 39;
      if (row && x > 20 && x < 39)
        ASSERT_TRUE(same(x, y, 30)) << x << " " << y;
      else if (row && x > 40 && x < 59)
        ASSERT_TRUE(same(x, y, 50)) << x << " " << y;
      else
        ASSERT_EQ(picture.at(x, y, 0), 100) << x << " " << y;
    }
  EXPECT_NE(picture.at(30, 30, 1), 100);
  EXPECT_FALSE(same(50, 30, 30));
}

TEST(Overlay, TheOutermostBlocksReachTheEdges) {
  Picture picture(81, 61, 100);
  const std::vector<float> values(12, 1.0f);
  HeatPlane plane = plane_over(picture.frame, values, 3, 4);
  plane.offset = {6, 1};  // as of an uneven crop
  blend_heat(picture.frame, plane, {ColorMap::kHot, 1, 0});
  for (const int x : {0, 80})
    for (const int y : {0, 60}) EXPECT_NE(picture.at(x, y, 0), 100) << x << " " << y;
}

// Also where a cell is smaller than a pixel.
TEST(Overlay, GapsNeverTakeAWholeCell) {
  for (int i = 1; i < 400; ++i) {
    const double pixels = 0.1 * i;
    EXPECT_LE(block_gap(2160, pixels), 0.13) << pixels;
    EXPECT_EQ(block_at(2, 5, block_gap(2160, pixels)), 2) << pixels;
  }
}

TEST(Overlay, CubicHeatGoesThroughTheCells) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> unit(0, 1);
  for (int i = 0; i < 100; ++i) {
    const float a = unit(random), b = unit(random), c = unit(random), d = unit(random);
    EXPECT_FLOAT_EQ(cubic_heat(a, b, c, d, 0), b);
    EXPECT_NEAR(cubic_heat(a, b, c, d, 1), c, 1e-6);
    EXPECT_NEAR(cubic_heat(a, a, a, a, 0.3f), a, 1e-6);
    EXPECT_NEAR(cubic_heat(0.2f, 0.3f, 0.4f, 0.5f, 0.7f), 0.37f, 1e-6);
  }
}

TEST(Overlay, OddSourcesAndHugeGridsAreSafe) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> unit(-1, 1);
  const std::vector<float> values(90 * 90, 0.8f);
  for (int i = 0; i < 300; ++i) {
    const int size = 1 + static_cast<int>(random() % 60);
    Picture picture(size, 1 + static_cast<int>(random() % 60), 50);
    HeatPlane plane = plane_over(picture.frame, values, 1 + random() % 90, 1 + random() % 90);
    plane.source = {unit(random) * 100, unit(random) * 100, std::exp(9 * unit(random)),
                    std::exp(9 * unit(random))};
    plane.stride = {std::exp(12 * unit(random)), std::exp(12 * unit(random))};
    plane.offset = {1e4 * unit(random), unit(random)};
    blend_heat(picture.frame, plane, {});
  }
}

TEST(Overlay, BadArgumentsAreUsageErrors) {
  Picture picture(16, 16, 0);
  const std::vector<float> values(4, 1.0f);
  const HeatPlane good = plane_over(picture.frame, values, 2, 2);
  HeatPlane bad = good;
  bad.values = nullptr;
  EXPECT_EQ(code_of(picture.frame, bad, {}), ErrorCode::kUsage);
  bad = good;
  bad.stride[1] = 0;
  EXPECT_EQ(code_of(picture.frame, bad, {}), ErrorCode::kUsage);
  bad = good;
  bad.source.width = -3;
  EXPECT_EQ(code_of(picture.frame, bad, {}), ErrorCode::kUsage);
  bad = good;
  bad.offset[0] = NAN;
  EXPECT_EQ(code_of(picture.frame, bad, {}), ErrorCode::kUsage);
  EXPECT_EQ(code_of(picture.frame, good, {ColorMap::kHot, 2, 0}), ErrorCode::kUsage);
  EXPECT_EQ(code_of(picture.frame, good, {ColorMap::kHot, 1, NAN}), ErrorCode::kUsage);
  EXPECT_EQ(code_of({}, good, {}), ErrorCode::kUsage);
}

TEST(ColorMap, NamesAreParsedAndListed) {
  for (const std::string& name : names_of(kColorMaps))
    EXPECT_EQ(name_of(kColorMaps, parse_color_map(name)), name);
  try {
    parse_color_map("sunset");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(listed(kColorMaps)), std::string::npos);
  }
}

TEST(ColorMap, TablesAreSmooth) {
  for (const std::string& name : names_of(kColorMaps)) {
    const auto& table = color_table(parse_color_map(name));
    for (int i = 1; i < 256; ++i)
      for (int c = 0; c < 3; ++c)
        EXPECT_LE(std::abs(table[i][c] - table[i - 1][c]), 7) << name << i;
  }
}

}  // namespace
}  // namespace tubecam
