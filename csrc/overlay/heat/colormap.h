// Colour maps as tables of 256 RGB entries.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/export.h"

namespace tubecam {

// kStill and kMoving are the two ends of hue where motion is shown: blue and orange, complementary,
// so that half of each is grey. Blue against yellow is what every common kind of colour blindness
// leaves apart.
enum class ColorMap { kInferno, kTurbo, kViridis, kHot, kJet, kStill, kMoving };

TUBECAM_API ColorMap parse_color_map(const std::string& name);  // throws kUsage listing the names
TUBECAM_API const std::vector<std::string>& color_map_names();  // of those for heat
TUBECAM_API const std::array<std::array<uint8_t, 3>, 256>& color_table(ColorMap map);

// At heat and motion 0…1, between kStill and kMoving.
std::array<uint8_t, 3> motion_color(float heat, float motion);

}  // namespace tubecam
