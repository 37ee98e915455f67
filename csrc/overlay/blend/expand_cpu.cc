#include "overlay/blend/expand_cpu.h"

#include "base/macros.h"

namespace tubecam {
namespace {

// One channel of kChannels at every sample from nodes 2^kLog2Spacing samples apart. Each turn ends
// on a whole word, so that the compiler knows which bytes are even.
template <int kChannels, int kChannel, int kLog2Spacing>
__attribute__((always_inline)) inline void expand_channel(const uint16_t* __restrict nodes,
                                                          int samples, uint16_t* __restrict even,
                                                          uint16_t* __restrict odd) {
  constexpr int kTurn = kLog2Spacing == 0 ? 2 : 1 << kLog2Spacing;
  const int turns = (samples + kTurn - 1) / kTurn;
#pragma GCC ivdep
  for (int turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 8
    for (int m = 0; m < kTurn; ++m) {
      const int byte = m * kChannels + kChannel;  // of the turn's
      const int word = turn * (kTurn * kChannels / 2) + byte / 2;
      const int node = turn * (kTurn >> kLog2Spacing) + (m >> kLog2Spacing);
      const int part = m & ((1 << kLog2Spacing) - 1);
      const int16_t step = static_cast<int16_t>(nodes[node + 1] - nodes[node]) >> kLog2Spacing;
      (byte % 2 ? odd : even)[word] = static_cast<uint16_t>(nodes[node] + part * step);
    }
  }
}

template <int kChannels, int kLog2Spacing>
__attribute__((always_inline)) inline void expand(const uint16_t* nodes, int samples, int channel,
                                                  uint16_t* even, uint16_t* odd) {
  if (channel == 0) expand_channel<kChannels, 0, kLog2Spacing>(nodes, samples, even, odd);
  if (channel == 1 && kChannels > 1)
    expand_channel<kChannels, 1, kLog2Spacing>(nodes, samples, even, odd);
  if (channel == 2 && kChannels > 2)
    expand_channel<kChannels, 2, kLog2Spacing>(nodes, samples, even, odd);
}

#define TUBECAM_EXPAND(name, channels, log2_spacing)                                              \
  TUBECAM_MULTIVERSION void name(const uint16_t* nodes, int samples, int channel, uint16_t* even, \
                                 uint16_t* odd) {                                                 \
    expand<channels, log2_spacing>(nodes, samples, channel, even, odd);                           \
  }
TUBECAM_EXPAND(expand_1_1, 1, 0)
TUBECAM_EXPAND(expand_1_2, 1, 1)
TUBECAM_EXPAND(expand_1_4, 1, 2)
TUBECAM_EXPAND(expand_1_8, 1, 3)
TUBECAM_EXPAND(expand_2_1, 2, 0)
TUBECAM_EXPAND(expand_2_2, 2, 1)
TUBECAM_EXPAND(expand_2_4, 2, 2)
TUBECAM_EXPAND(expand_2_8, 2, 3)
TUBECAM_EXPAND(expand_3_1, 3, 0)
TUBECAM_EXPAND(expand_3_2, 3, 1)
TUBECAM_EXPAND(expand_3_4, 3, 2)
TUBECAM_EXPAND(expand_3_8, 3, 3)
TUBECAM_EXPAND(expand_4_1, 4, 0)
TUBECAM_EXPAND(expand_4_2, 4, 1)
TUBECAM_EXPAND(expand_4_4, 4, 2)
TUBECAM_EXPAND(expand_4_8, 4, 3)
#undef TUBECAM_EXPAND

}  // namespace

ExpandNodes expand_nodes(int channels, int log2_spacing) {
  static constexpr ExpandNodes kTable[4][4] = {{expand_1_1, expand_1_2, expand_1_4, expand_1_8},
                                               {expand_2_1, expand_2_2, expand_2_4, expand_2_8},
                                               {expand_3_1, expand_3_2, expand_3_4, expand_3_8},
                                               {expand_4_1, expand_4_2, expand_4_4, expand_4_8}};
  return kTable[channels - 1][log2_spacing];
}

}  // namespace tubecam
