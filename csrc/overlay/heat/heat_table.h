// What heat does to the bytes of one plane of a format: keep and add by heat.
#pragma once

#include <vector>

#include "base/export.h"
#include "clip/frame/frame.h"
#include "overlay/heat/heat_style.h"

namespace tubecam {

struct HeatTable {
  static constexpr int kEntries = 2048;
  static constexpr int kWidth = 4;  // keep, then add of at most three channels
  int channels = 0;                 // bytes of a sample; the fourth stays
  std::vector<uint16_t> entries;    // [1 + kEntries + 1, kWidth], see blend.h; guards at both ends

  // What an error of about half a level allows when rows are interpolated (Note [Bands]):
  float straight = 0;  // over this much heat, entries lie on a line
  float bend = 0;      // and heat itself may be off by this much

  const uint16_t* at(int heat) const { return entries.data() + (heat + 1) * kWidth; }
};

// plane: of the frame's format.
TUBECAM_API HeatTable make_heat_table(const Frame& frame, int plane, const HeatStyle& style);

// Tables of one style between which motion mixes; they agree in `keep`.
struct MotionTables {
  HeatTable still, moving;

  // As of HeatTable: over this much motion the mix lies on a line, and motion may be off.
  float straight = 1, bend = 1;
};

TUBECAM_API MotionTables make_motion_tables(const Frame& frame, int plane, HeatStyle style);

}  // namespace tubecam
