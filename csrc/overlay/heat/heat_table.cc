#include "overlay/heat/heat_table.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "overlay/blend/blend.h"
#include "overlay/heat/heat_math.h"

namespace tubecam {
namespace {

// Not quite all: differences between entries must fit into 16 bits, and a step down, which is
// rounded down, may not take `keep` below 0 within a band of 16 rows.
constexpr int kMaxShare = kKeepAll - 32;
constexpr float kMaxLineError = 0.8f, kMaxBendError = 0.7f;  // levels
constexpr float kMaxMotionError = 0.3f;                      // levels, each, besides those of heat

using Color = std::array<float, 3>;

// The map's colour at heat·255, linear between entries.
Color color_at(ColorMap map, float heat) {
  const auto& table = color_table(map);
  const float position = heat * 255;
  const int low = std::min(static_cast<int>(position), 254);
  const float t = position - low;
  Color color;
  for (int c = 0; c < 3; ++c) color[c] = table[low][c] + t * (table[low + 1][c] - table[low][c]);
  return color;
}

// The colour's channels in the plane's order.
Color levels_of(Color color, const Frame& frame, int plane) {
  if (is_yuv(frame.format)) {
    const RgbToYuv yuv = rgb_to_yuv(frame.matrix == YuvMatrix::kBt709, frame.full_range);
    convert_rgb(yuv, 1, color[0], color[1], color[2]);
    std::rotate(color.begin(), color.begin() + plane, color.end());
  } else if (is_blue_first(frame.format)) {
    std::swap(color[0], color[2]);
  }
  return color;
}

void set_entry(uint16_t* entry, float opacity, const Color& levels) {
  const int share = std::min(static_cast<int>(std::lround(opacity * kKeepAll)), kMaxShare);
  entry[0] = static_cast<uint16_t>(kKeepAll - share);
  for (int c = 0; c < 3; ++c) {
    const float add = levels[c] * static_cast<float>(share) * (128.0f / kKeepAll);
    entry[1 + c] = static_cast<uint16_t>(kAddNothing + std::lround(add));
  }
}

// The greatest `difference` of entries, in levels of a result, for bytes 0 and 255.
template <typename Difference>
float worst_level(const HeatTable& table, int end, const Difference& difference) {
  float worst = 0;
  for (int i = 0; i < end; ++i) {
    const float keep = difference(i, 0) * (255.0f / kKeepAll);
    for (int c = 1; c <= std::min(table.channels, 3); ++c) {
      const float add = difference(i, c) / 128.0f;
      worst = std::max({worst, std::abs(add), std::abs(add + keep)});
    }
  }
  return worst;
}

// How far the middle of a line over `step` entries lies from the table at worst.
float line_error(const HeatTable& table, int step) {
  return worst_level(table, HeatTable::kEntries - step, [&](int i, int c) {
    return 0.5f * (table.at(i)[c] + table.at(i + step)[c]) - table.at(i + step / 2)[c];
  });
}

void measure(HeatTable& table) {
  int step = 512;
  while (step > 1 && line_error(table, step) > kMaxLineError) step /= 2;
  table.straight = step > 1 ? static_cast<float>(step) / HeatTable::kEntries : 0;
  // Over 16 entries: the fixed point's own steps are no slope.
  const float slope = worst_level(table, HeatTable::kEntries - 16, [&](int i, int c) {
    return static_cast<float>(table.at(i + 16)[c] - table.at(i)[c]) * (HeatTable::kEntries / 16);
  });
  table.bend = slope > 0 ? kMaxBendError / slope : 1;
}

}  // namespace

HeatTable make_heat_table(const Frame& frame, int plane, const HeatStyle& style) {
  HeatTable table;
  table.channels = plane_layout(frame.format, frame.width, frame.height, plane).channels;
  table.entries.resize((HeatTable::kEntries + 2) * HeatTable::kWidth);
  for (int i = -1; i <= HeatTable::kEntries; ++i) {
    const float heat = std::clamp(static_cast<float>(i) / (HeatTable::kEntries - 1), 0.0f, 1.0f);
    set_entry(table.entries.data() + (i + 1) * HeatTable::kWidth,
              heat_opacity(heat, style.alpha, style.threshold),
              levels_of(color_at(style.color_map, heat), frame, plane));
  }
  measure(table);
  return table;
}

MotionTables make_motion_tables(const Frame& frame, int plane, HeatStyle style) {
  MotionTables tables;
  style.color_map = ColorMap::kStill;
  tables.still = make_heat_table(frame, plane, style);
  style.color_map = ColorMap::kMoving;
  tables.moving = make_heat_table(frame, plane, style);
  const auto apart = [&](int i, int c) {
    return static_cast<float>(tables.moving.at(i)[c] - tables.still.at(i)[c]);
  };
  const float contrast = worst_level(tables.still, HeatTable::kEntries, apart);
  const float slope = worst_level(tables.still, HeatTable::kEntries - 16, [&](int i, int c) {
    return (apart(i + 16, c) - apart(i, c)) * (HeatTable::kEntries / 16);
  });
  // In the middle of a line heat·motion is off by a quarter of the product of their differences.
  const float straight = std::max(tables.still.straight, tables.moving.straight);
  if (contrast > 0) tables.bend = kMaxMotionError / contrast;
  if (slope * straight > 0) tables.straight = 4 * kMaxMotionError / (slope * straight);
  return tables;
}

}  // namespace tubecam
