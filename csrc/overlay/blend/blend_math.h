// The arithmetic of one byte of blend_rows() and of its CUDA implementation.
#pragma once

#include "base/macros.h"

namespace tubecam {

// byte·keep + add, in the fixed point of blend.h.
TUBECAM_HOST_DEVICE unsigned blend_byte(unsigned byte, unsigned keep, unsigned add) {
  return ((byte * 256 * keep >> 16) + add) >> 7;
}

}  // namespace tubecam
