// The compression function of SHA-256 (FIPS 180-4, section 6.2.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/export.h"

namespace tubecam {

constexpr size_t kSha256Block = 64;  // bytes

// The eight words of the hash, H(0) at first.
using Sha256State = std::array<uint32_t, 8>;

// Takes `count` blocks into the state.
using Sha256Blocks = void(Sha256State& state, const uint8_t* blocks, size_t count);

TUBECAM_API Sha256Blocks sha256_blocks_portable;

// The one for this processor: by its instructions for SHA-256, four to eight times as fast, where
// it has them (x86's SHA extensions, ARMv8's), else the portable one.
TUBECAM_API Sha256Blocks* sha256_blocks_here();

}  // namespace tubecam
