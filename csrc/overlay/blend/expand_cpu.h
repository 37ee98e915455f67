// Knots → bytes: the innermost loop of `blend_heat` on the CPU.
#pragma once

#include <cstdint>

namespace tubecam {

// One channel at every one of `samples` from knots 2^log2_spacing samples apart, on lines between
// them, spread over a row's bytes: `even` and `odd` hold those at even and odd places.
using ExpandKnots = void (*)(const uint16_t* knots, int samples, int channel, uint16_t* even,
                             uint16_t* odd);

// channels: bytes a sample, 1…4; log2_spacing: 0…3.
ExpandKnots expand_knots(int channels, int log2_spacing);

}  // namespace tubecam
