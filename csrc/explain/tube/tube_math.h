// Where a coordinate lies among the tube's cells, shared by the CPU and CUDA files.
#pragma once

#include <cmath>
#include <cstddef>

#include "base/macros.h"

namespace tubecam {

// Between two cells: value = (1 − part)·cell[low] + part·cell[high].
struct Between {
  int low, high;
  float part;
};

// Clamped to the outermost centres; NaN is the first cell.
TUBECAM_HOST_DEVICE Between between(double coordinate, double stride, double offset, int count) {
  const double last = count - 1;
  const double place = (coordinate - offset) / stride;
  const double index = place > 0 ? (place < last ? place : last) : 0;
  const int low = int(index);
  return {low, low + 1 < count ? low + 1 : count - 1, float(index - low)};
}

// At part 0 and 1 the cells come back exactly.
TUBECAM_HOST_DEVICE float mix(float low, float high, float part) {
  return (1 - part) * low + part * high;
}

// Trilinear in values [t, h, w].
TUBECAM_HOST_DEVICE float sample_cells(const float* values, int h, int w, const Between& t,
                                       const Between& v, const Between& u) {
  const float* low = values + size_t(t.low) * h * w;
  const float* high = values + size_t(t.high) * h * w;
  const auto row = [&](const float* plane, int y) {
    const float* cells = plane + size_t(y) * w;
    return mix(cells[u.low], cells[u.high], u.part);
  };
  return mix(mix(row(low, v.low), row(low, v.high), v.part),
             mix(row(high, v.low), row(high, v.high), v.part), t.part);
}

}  // namespace tubecam
