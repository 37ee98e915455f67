#include "explain/tube/tube_sample.h"

#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "explain/tube/tube_math.h"

namespace tubecam {
namespace {

using Shape = std::vector<ptrdiff_t>;

ptrdiff_t product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), ptrdiff_t{1}, std::multiplies<>());
}

// Calls row(places) for each row of the last dimension, in order: where it begins in arrays of
// these steps.
template <size_t kArrays, typename Row>
void for_each_row(const Shape& shape, const std::array<Shape, kArrays>& steps, const Row& row) {
  std::array<ptrdiff_t, kArrays> place{};
  Shape index(shape.size());
  for (ptrdiff_t left = product(shape) / shape.back(); left > 0; --left) {
    row(place);
    for (size_t d = shape.size() - 1; d-- > 0;) {
      for (size_t a = 0; a < kArrays; ++a) place[a] += steps[a][d];
      if (++index[d] < shape[d]) break;
      for (size_t a = 0; a < kArrays; ++a) place[a] -= steps[a][d] * shape[d];
      index[d] = 0;
    }
  }
}

// Where a row of coordinates along one axis lies among the cells.
struct RowPlaces {
  const double* begin = nullptr;
  std::vector<Between> cells;  // of one sample, where it is repeated
  ptrdiff_t step = 0;          // 0 then

  RowPlaces(const Coordinates& points, ptrdiff_t count)
      : cells(size_t(points.step.back() == 0 ? 1 : count)), step(points.step.back() == 0 ? 0 : 1) {}

  void find(const Coordinates& points, ptrdiff_t place, double stride, double offset, int count) {
    if (begin == points.at + place) return;  // the row before was the same
    const double* at = begin = points.at + place;
    bool numbers = true;
    for (Between& cell : cells) {
      numbers &= !std::isnan(*at);
      cell = between(*at, stride, offset, count);
      at += points.step.back();
    }
    check(numbers, ErrorCode::kUsage, "a place in the tube must be a number, not NaN");
  }
};

}  // namespace

void sample_points(const TubeView& tube, const std::array<Coordinates, 3>& points,
                   const Shape& shape, float* out) {
  if (product(shape) == 0) return;
  const ptrdiff_t count = shape.back();
  std::array<RowPlaces, 3> rows{RowPlaces(points[0], count), RowPlaces(points[1], count),
                                RowPlaces(points[2], count)};
  const std::array<int, 3> cells{tube.t, tube.h, tube.w};
  for_each_row<3>(shape, {points[0].step, points[1].step, points[2].step}, [&](const auto& place) {
    for (size_t a = 0; a < 3; ++a)
      rows[a].find(points[a], place[a], tube.stride[a], tube.offset[a], cells[a]);
    const Between *t = rows[0].cells.data(), *v = rows[1].cells.data(), *u = rows[2].cells.data();
    for (ptrdiff_t i = 0; i < count; ++i, t += rows[0].step, v += rows[1].step, u += rows[2].step)
      *out++ = sample_cells(tube.values, tube.h, tube.w, *t, *v, *u);
  });
}

}  // namespace tubecam
