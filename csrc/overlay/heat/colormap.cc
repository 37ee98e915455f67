#include "overlay/heat/colormap.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tubecam {
namespace {

using Table = std::array<std::array<uint8_t, 3>, 256>;

// A colour at a heat of 0…1; between stops a map is linear.
struct ColorStop {
  double heat;
  std::array<double, 3> rgb;  // 0…255
};

// Perceptual maps: 33 evenly spaced stops, the least-squares fit to the published tables, which
// they meet within one level.
constexpr int kStops = 33;
using StopColors = std::array<uint32_t, kStops>;

// Inferno and Viridis: Nathaniel Smith and Stéfan van der Walt, CC0.
constexpr StopColors kInferno = {
    0x000003, 0x030312, 0x0a0724, 0x150b37, 0x210c4a, 0x2e0a5b, 0x3c0965, 0x4a0b6b, 0x57106e,
    0x63146f, 0x70196e, 0x7d1e6d, 0x89226a, 0x962766, 0xa32b62, 0xaf315c, 0xbb3755, 0xc63d4d,
    0xd14545, 0xdb4f3c, 0xe45932, 0xeb6528, 0xf1711e, 0xf67f14, 0xf98d09, 0xfb9c05, 0xfcab0f,
    0xfbba1f, 0xf9ca32, 0xf5d949, 0xf2e865, 0xf2f586, 0xfcffa5};
constexpr StopColors kViridis = {
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453681, 0x424086, 0x3f4989, 0x3b528b,
    0x375a8d, 0x33638d, 0x2f6a8e, 0x2c728e, 0x297a8e, 0x26818e, 0x23898e, 0x21908d, 0x1f988b,
    0x1e9f88, 0x21a685, 0x27ae80, 0x31b57b, 0x3dbc74, 0x4cc26c, 0x5cc963, 0x6ece58, 0x81d44c,
    0x96d840, 0xabdc32, 0xc0df24, 0xd5e219, 0xeae519, 0xfde724};
// Turbo: Anton Mikhailov, "Turbo, An Improved Rainbow Colormap for Visualization" (Google AI,
// 2019).
constexpr StopColors kTurbo = {0x31123c, 0x3a2a74, 0x4040a2, 0x4556c7, 0x476be4, 0x477ff7, 0x4393ff,
                               0x37a8fb, 0x29bbec, 0x1ccdd8, 0x17dcc3, 0x1de8b0, 0x30f299, 0x4cf97e,
                               0x6bfe63, 0x8aff4c, 0xa3fd3c, 0xb8f734, 0xcced34, 0xdee037, 0xedd03a,
                               0xf8c03a, 0xfdae35, 0xfe982c, 0xfc8022, 0xf56817, 0xec520e, 0xe14009,
                               0xd23105, 0xc12302, 0xac1701, 0x950c01, 0x7a0403};

std::vector<ColorStop> unpack(const StopColors& stops) {
  std::vector<ColorStop> result;
  for (int i = 0; i < kStops; ++i) {
    const uint32_t rgb = stops[i];
    result.push_back(
        {i / (kStops - 1.0), {double(rgb >> 16), double(rgb >> 8 & 255), double(rgb & 255)}});
  }
  return result;
}

// Linear in each channel by definition: black, red, yellow, white.
std::vector<ColorStop> hot() {
  return {
      {0, {10.6, 0, 0}}, {0.365079, {255, 0, 0}}, {0.746032, {255, 255, 0}}, {1, {255, 255, 255}}};
}

// Three trapezoids: dark blue, blue, cyan, yellow, red, dark red.
std::vector<ColorStop> jet() {
  const std::vector<std::vector<std::array<double, 2>>> channels = {
      {{0, 0}, {0.35, 0}, {0.66, 1}, {0.89, 1}, {1, 0.5}},
      {{0, 0}, {0.125, 0}, {0.375, 1}, {0.64, 1}, {0.91, 0}, {1, 0}},
      {{0, 0.5}, {0.11, 1}, {0.34, 1}, {0.65, 0}, {1, 0}}};
  std::vector<ColorStop> result;
  for (int i = 0; i < 256; ++i) {
    const double heat = i / 255.0;
    ColorStop stop{heat, {}};
    for (int c = 0; c < 3; ++c) {
      const auto& line = channels[c];
      size_t k = 1;
      while (k + 1 < line.size() && line[k][0] < heat) ++k;
      const double t = (heat - line[k - 1][0]) / (line[k][0] - line[k - 1][0]);
      stop.rgb[c] = 255 * (line[k - 1][1] + t * (line[k][1] - line[k - 1][1]));
    }
    result.push_back(stop);
  }
  return result;
}

// Lighter with heat, as Inferno is.
std::vector<ColorStop> still() {
  return {{0, {16, 44, 120}}, {0.5, {30, 110, 235}}, {1, {90, 190, 255}}};
}
std::vector<ColorStop> moving() {
  return {{0, {120, 56, 0}}, {0.5, {245, 130, 0}}, {1, {255, 200, 70}}};
}

Table tabulate(const std::vector<ColorStop>& stops) {
  Table table;
  size_t k = 1;
  for (int i = 0; i < 256; ++i) {
    const double heat = i / 255.0;
    while (k + 1 < stops.size() && stops[k].heat < heat) ++k;
    const ColorStop& low = stops[k - 1];
    const ColorStop& high = stops[k];
    const double t = std::clamp((heat - low.heat) / (high.heat - low.heat), 0.0, 1.0);
    for (int c = 0; c < 3; ++c)
      table[i][c] = static_cast<uint8_t>(std::lround(low.rgb[c] + t * (high.rgb[c] - low.rgb[c])));
  }
  return table;
}

}  // namespace

const Table& color_table(ColorMap map) {
  static const std::array<Table, 7> tables = {tabulate(unpack(kInferno)),
                                              tabulate(unpack(kTurbo)),
                                              tabulate(unpack(kViridis)),
                                              tabulate(hot()),
                                              tabulate(jet()),
                                              tabulate(still()),
                                              tabulate(moving())};
  return tables.at(static_cast<size_t>(map));
}

std::array<uint8_t, 3> motion_color(float heat, float motion) {
  const size_t place = static_cast<size_t>(std::lround(255 * heat));
  const auto& still = color_table(ColorMap::kStill)[place];
  const auto& moving = color_table(ColorMap::kMoving)[place];
  std::array<uint8_t, 3> rgb;
  for (int c = 0; c < 3; ++c)
    rgb[c] = static_cast<uint8_t>(std::lround(still[c] + motion * (moving[c] - still[c])));
  return rgb;
}

}  // namespace tubecam
