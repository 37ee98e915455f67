// Tables → knots: the entries of heat, and of its mix with motion, along a row.
#pragma once

#include <algorithm>
#include <cstdint>

#include "overlay/overlay_cpu.h"

namespace tubecam {

// A number along a line, at one knot after the other.
struct KnotLine {
  int value, step;
};

// Entries at knots begin … end − 1 from heats on a line, 16 fraction bits; apart, keep and add by
// channel.
template <int kAdds>
void copy_entries(const HeatTable& table, KnotLine heat, int begin, int end,
                  uint16_t* const (&knots)[HeatTable::kWidth]) {
  const uint16_t* const entries = table.at(0);
  for (int j = begin; j < end; ++j, heat.value += heat.step) {
    const int place = std::clamp(heat.value >> 16, 0, HeatTable::kEntries - 1);
    const uint16_t* entry = entries + place * HeatTable::kWidth;
    for (int c = 0; c <= kAdds; ++c) knots[c][j] = entry[c];
  }
}

// The same between two tables, at motion on a line with 22 fraction bits.
template <int kAdds>
void mix_entries(const MotionTables& tables, KnotLine heat, KnotLine motion, int begin, int end,
                 uint16_t* const (&knots)[HeatTable::kWidth]) {
  const uint16_t *const still = tables.still.at(0), *const moving = tables.moving.at(0);
  for (int j = begin; j < end; ++j, heat.value += heat.step, motion.value += motion.step) {
    const int place = std::clamp(heat.value >> 16, 0, HeatTable::kEntries - 1) * HeatTable::kWidth;
    const int share = std::clamp(motion.value >> 7, 0, 1 << 15);
    knots[0][j] = still[place];
    for (int c = 1; c <= kAdds; ++c)
      knots[c][j] = static_cast<uint16_t>(still[place + c] +
                                          ((moving[place + c] - still[place + c]) * share >> 15));
  }
}

template <int kAdds>
void find_entries(const HeatCanvas& canvas, KnotLine heat, KnotLine motion, int begin, int end,
                  uint16_t* const (&knots)[HeatTable::kWidth]) {
  if (canvas.motion)
    mix_entries<kAdds>(*canvas.motion, heat, motion, begin, end, knots);
  else
    copy_entries<kAdds>(*canvas.table, heat, begin, end, knots);
}

}  // namespace tubecam
