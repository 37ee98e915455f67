// The tube at many points at once.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/export.h"
#include "explain/tube/tube.h"

namespace tubecam {

// One coordinate of points of `shape`; a step of 0 repeats it along that dimension.
struct Coordinates {
  const double* at = nullptr;
  std::vector<ptrdiff_t> step;  // elements, a dimension each
};

// out: [shape], sample_tube() at each point; shape: of at least one dimension. points: slice, y, x,
// with a step a dimension of `shape`. Throws kUsage for NaN.
TUBECAM_API void sample_points(const TubeView& tube, const std::array<Coordinates, 3>& points,
                               const std::vector<ptrdiff_t>& shape, float* out);

}  // namespace tubecam
