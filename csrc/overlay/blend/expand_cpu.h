// Nodes → bytes: the innermost loop of `blend_heat` on the CPU.
#pragma once

#include <cstdint>

namespace tubecam {

// One channel at every one of `samples` from nodes 2^log2_spacing samples apart, on lines between
// them, spread over a row's bytes: `even` and `odd` hold those at even and odd places.
using ExpandNodes = void (*)(const uint16_t* nodes, int samples, int channel, uint16_t* even,
                             uint16_t* odd);

// channels: bytes a sample, 1…4; log2_spacing: 0…3.
ExpandNodes expand_nodes(int channels, int log2_spacing);

}  // namespace tubecam
