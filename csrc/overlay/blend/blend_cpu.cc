#include <cstring>

#include "base/macros.h"
#include "overlay/blend/blend.h"
#include "overlay/blend/blend_math.h"

namespace tubecam {
namespace {

// keep·even byte and keep·odd byte as the high halves of 16-bit products, in 1/128 of a level.
inline uint16_t blend_word(uint16_t word, uint16_t keep0, uint16_t keep1, uint16_t add0,
                           uint16_t add1) {
  const uint16_t even = static_cast<uint16_t>(word << 8), odd = word & 0xff00;
  const uint16_t low = static_cast<uint16_t>((uint32_t{even} * keep0 >> 16) + add0);
  const uint16_t high = static_cast<uint16_t>((uint32_t{odd} * keep1 >> 16) + add1);
  return static_cast<uint16_t>((low >> 7 & 0x00ff) | (high << 1 & 0xff00));
}

// first, next: a row's parts, `part` apart (BlendRow).
template <int kLog2Rows>
__attribute__((always_inline)) inline void blend_band(uint8_t* __restrict rows, ptrdiff_t stride,
                                                      int words, size_t part,
                                                      const uint16_t* __restrict first,
                                                      const uint16_t* __restrict next) {
#pragma GCC ivdep
  for (int i = 0; i < words; ++i) {
    const size_t keep0 = size_t(i), keep1 = keep0 + part, add0 = keep1 + part, add1 = add0 + part;
    uint16_t k0 = first[keep0], k1 = first[keep1], a0 = first[add0], a1 = first[add1];
    const int16_t k0_step = static_cast<int16_t>(next[keep0] - k0) >> kLog2Rows;
    const int16_t k1_step = static_cast<int16_t>(next[keep1] - k1) >> kLog2Rows;
    const int16_t a0_step = static_cast<int16_t>(next[add0] - a0) >> kLog2Rows;
    const int16_t a1_step = static_cast<int16_t>(next[add1] - a1) >> kLog2Rows;
#pragma GCC unroll 16
    for (int row = 0; row < 1 << kLog2Rows; ++row) {
      uint8_t* bytes = rows + row * stride + 2 * i;
      uint16_t word;
      std::memcpy(&word, bytes, 2);
      word = blend_word(word, k0, k1, a0, a1);
      std::memcpy(bytes, &word, 2);
      k0 += k0_step;
      k1 += k1_step;
      a0 += a0_step;
      a1 += a1_step;
    }
  }
}

#define TUBECAM_BLEND_BAND(name, log2_rows)                                                     \
  TUBECAM_MULTIVERSION void name(uint8_t* rows, ptrdiff_t stride, int words, const BlendRow& a, \
                                 const BlendRow& b) {                                           \
    blend_band<log2_rows>(rows, stride, words, a.part(), a.keep(0), b.keep(0));                 \
  }
TUBECAM_BLEND_BAND(blend_1, 0)
TUBECAM_BLEND_BAND(blend_2, 1)
TUBECAM_BLEND_BAND(blend_4, 2)
TUBECAM_BLEND_BAND(blend_8, 3)
TUBECAM_BLEND_BAND(blend_16, 4)
#undef TUBECAM_BLEND_BAND

// The byte that an odd width leaves over.
void blend_last(uint8_t* byte, int stride, int log2_rows, int i, const BlendRow& first,
                const BlendRow& next) {
  for (int row = 0; row < 1 << log2_rows; ++row, byte += stride) {
    const int keep = first.keep(0)[i] + ((next.keep(0)[i] - first.keep(0)[i]) * row >> log2_rows);
    const int add = first.add(0)[i] + ((next.add(0)[i] - first.add(0)[i]) * row >> log2_rows);
    *byte = static_cast<uint8_t>(
        blend_byte(*byte, static_cast<unsigned>(keep), static_cast<unsigned>(add)));
  }
}

}  // namespace

void blend_rows(uint8_t* rows, int stride, int log2_rows, int bytes, const BlendRow& first,
                const BlendRow& next) {
  const int words = bytes / 2;
  switch (log2_rows) {
    case 0:
      blend_1(rows, stride, words, first, next);
      break;
    case 1:
      blend_2(rows, stride, words, first, next);
      break;
    case 2:
      blend_4(rows, stride, words, first, next);
      break;
    case 3:
      blend_8(rows, stride, words, first, next);
      break;
    default:
      blend_16(rows, stride, words, first, next);
      break;
  }
  if (bytes % 2) blend_last(rows + bytes - 1, stride, log2_rows, words, first, next);
}

}  // namespace tubecam
