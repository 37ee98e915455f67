// Kernel: byte = byte·keep + add over rows of a plane; what the heat and the caption share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/export.h"

namespace tubecam {

// Fixed point: `keep` counts 1/32768, `add` 1/128 of a level and holds the half level that rounds.
constexpr int kKeepAll = 32768;
constexpr int kAddNothing = 64;

// What one row does to its bytes. Even and odd bytes lie apart: the kernel works on words of two
// bytes, so that no lane changes its place between loading and storing.
class BlendRow {
 public:
  // All bytes stay.
  void reset(int bytes) {
    half_ = (static_cast<size_t>(bytes) + 1) / 2;
    values_.resize(4 * half_);
    std::fill(keep(0), add(0), static_cast<uint16_t>(kKeepAll));
    std::fill(add(0), add(0) + 2 * half_, static_cast<uint16_t>(kAddNothing));
  }
  // Values from one of its four parts to the next: keep of even, of odd bytes, then add.
  size_t part() const { return half_; }
  uint16_t* keep(int parity) { return values_.data() + parity * half_; }
  uint16_t* add(int parity) { return values_.data() + (2 + parity) * half_; }
  const uint16_t* keep(int parity) const { return values_.data() + parity * half_; }
  const uint16_t* add(int parity) const { return values_.data() + (2 + parity) * half_; }

 private:
  std::vector<uint16_t> values_;
  size_t half_ = 0;
};

// Blends 2^log2_rows rows (log2_rows 0…4) of `bytes` bytes in place: the first by `first`, on a
// line towards `next`, which belongs to the row after the last. Steps are rounded down: where rows
// are interpolated, `keep` is at least 16.
TUBECAM_API void blend_rows(uint8_t* rows, int stride, int log2_rows, int bytes,
                            const BlendRow& first, const BlendRow& next);

}  // namespace tubecam
