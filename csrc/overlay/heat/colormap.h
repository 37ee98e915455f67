// Colour maps as tables of 256 RGB entries.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/choice.h"
#include "base/export.h"

namespace tubecam {

// kStill and kMoving are the two ends of hue where motion is shown: blue and orange, complementary,
// so that half of each is grey. Blue against yellow is what every common kind of colour blindness
// leaves apart.
enum class ColorMap { kInferno, kTurbo, kViridis, kHot, kJet, kStill, kMoving };

// Those for heat.
inline constexpr Choice<ColorMap> kColorMaps[] = {
    {ColorMap::kInferno, "inferno", "Black, purple, orange, yellow"},
    {ColorMap::kTurbo, "turbo", "Blue, green, yellow, red"},
    {ColorMap::kViridis, "viridis", "Purple, green, yellow"},
    {ColorMap::kHot, "hot", "Black, red, yellow, white"},
    {ColorMap::kJet, "jet", "Blue, cyan, yellow, red"},
};

// Throws kUsage listing the names.
inline ColorMap parse_color_map(const std::string& name) {
  return choose(kColorMaps, "colour map", name).value;
}
TUBECAM_API const std::array<std::array<uint8_t, 3>, 256>& color_table(ColorMap map);

// At heat and motion 0…1, between kStill and kMoving.
TUBECAM_API std::array<uint8_t, 3> motion_color(float heat, float motion);

}  // namespace tubecam
