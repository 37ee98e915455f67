// Tables → nodes: the entries of heat, and of its mix with motion, along a row.
#pragma once

#include <algorithm>
#include <cstdint>

#include "overlay/overlay_cpu.h"

namespace tubecam {

// A number along a line, at one node after the other.
struct NodeLine {
  int value, step;
};

// Entries at nodes begin … end − 1 from heats on a line, 16 fraction bits; apart, keep and add by
// channel.
template <int kAdds>
void copy_entries(const HeatTable& table, NodeLine heat, int begin, int end,
                  uint16_t* const (&nodes)[HeatTable::kWidth]) {
  const uint16_t* const entries = table.at(0);
  for (int j = begin; j < end; ++j, heat.value += heat.step) {
    const int place = std::clamp(heat.value >> 16, 0, HeatTable::kEntries - 1);
    const uint16_t* entry = entries + place * HeatTable::kWidth;
    for (int c = 0; c <= kAdds; ++c) nodes[c][j] = entry[c];
  }
}

// The same between two tables, at motion on a line with 22 fraction bits.
template <int kAdds>
void mix_entries(const MotionTables& tables, NodeLine heat, NodeLine motion, int begin, int end,
                 uint16_t* const (&nodes)[HeatTable::kWidth]) {
  const uint16_t *const still = tables.still.at(0), *const moving = tables.moving.at(0);
  for (int j = begin; j < end; ++j, heat.value += heat.step, motion.value += motion.step) {
    const int place = std::clamp(heat.value >> 16, 0, HeatTable::kEntries - 1) * HeatTable::kWidth;
    const int share = std::clamp(motion.value >> 7, 0, 1 << 15);
    nodes[0][j] = still[place];
    for (int c = 1; c <= kAdds; ++c)
      nodes[c][j] = static_cast<uint16_t>(still[place + c] +
                                          ((moving[place + c] - still[place + c]) * share >> 15));
  }
}

template <int kAdds>
void find_entries(const HeatCanvas& canvas, NodeLine heat, NodeLine motion, int begin, int end,
                  uint16_t* const (&nodes)[HeatTable::kWidth]) {
  if (canvas.motion)
    mix_entries<kAdds>(*canvas.motion, heat, motion, begin, end, nodes);
  else
    copy_entries<kAdds>(*canvas.table, heat, begin, end, nodes);
}

}  // namespace tubecam
