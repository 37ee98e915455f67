// Colour maps as tables of 256 RGB entries.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tubecam {

enum class ColorMap { kInferno, kTurbo, kViridis, kHot, kJet };

ColorMap parse_color_map(const std::string& name);  // throws kUsage listing the names
const std::vector<std::string>& color_map_names();
const std::array<std::array<uint8_t, 3>, 256>& color_table(ColorMap map);

}  // namespace tubecam
