// How heat is drawn.
#pragma once

#include "overlay/heat/colormap.h"

namespace tubecam {

struct HeatStyle {
  // Inferno grows lighter with heat: what decided lights up; maps that end in dark red hide it on
  // dark objects.
  ColorMap color_map = ColorMap::kInferno;
  float alpha = 0.65f;      // opacity of full heat, 0…1
  float threshold = 0.15f;  // heat up to it is not drawn, 0…1
};

}  // namespace tubecam
