#include "explain/tube/tube.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "explain/tube/tube_math.h"

namespace tubecam {
namespace {

// Cells of one connected region, both ends included, and the greatest value among them.
struct Region {
  int top, bottom, left, right;
  float value;
};

// Takes the region around `start` out of `pending`, a mask of cells that reach the threshold.
Region take_region(const float* plane, int h, int w, int start, std::vector<char>* pending) {
  Region region{h, -1, w, -1, plane[start]};
  std::vector<int> stack = {start};
  (*pending)[size_t(start)] = 0;
  const auto visit = [&](int y, int x) {
    if (y < 0 || y >= h || x < 0 || x >= w || !(*pending)[size_t(y) * w + x]) return;
    (*pending)[size_t(y) * w + x] = 0;
    stack.push_back(y * w + x);
  };
  while (!stack.empty()) {
    const int cell = stack.back(), y = cell / w, x = cell % w;
    stack.pop_back();
    region = {std::min(region.top, y), std::max(region.bottom, y), std::min(region.left, x),
              std::max(region.right, x), std::max(region.value, plane[cell])};
    visit(y - 1, x);
    visit(y + 1, x);
    visit(y, x - 1);
    visit(y, x + 1);
  }
  return region;
}

std::vector<Region> find_regions(const float* plane, int h, int w, float threshold) {
  std::vector<char> pending(size_t(h) * w);
  for (size_t i = 0; i < pending.size(); ++i) pending[i] = plane[i] >= threshold;
  std::vector<Region> regions;
  for (size_t i = 0; i < pending.size(); ++i) {
    if (pending[i]) regions.push_back(take_region(plane, h, w, int(i), &pending));
  }
  std::stable_sort(regions.begin(), regions.end(),
                   [](const Region& a, const Region& b) { return a.value > b.value; });
  return regions;
}

struct Span {
  float begin, length;
};

// Cells first … last of one axis, relative to the frame. Pixel centres are whole numbers, so pixel
// p ends at p + 1/2.
Span span_in_frame(int first, int last, double stride, double offset, int clip_size, double source,
                   double source_size) {
  const auto to_frame = [&](double cell) {
    const double edge = offset + stride * cell + 0.5;
    return std::clamp(source + edge / clip_size * source_size, 0.0, 1.0);
  };
  const double begin = to_frame(first - 0.5), end = to_frame(last + 0.5);
  return {float(begin), float(end - begin)};
}

}  // namespace

float sample_tube(const TubeView& tube, double slice, double y, double x) {
  const Between t = between(slice, tube.stride[0], tube.offset[0], tube.t);
  const Between v = between(y, tube.stride[1], tube.offset[1], tube.h);
  const Between u = between(x, tube.stride[2], tube.offset[2], tube.w);
  return sample_cells(tube.values, tube.h, tube.w, t, v, u);
}

void tube_plane(const TubeView& tube, double slice, float* plane) {
  const Between t = between(slice, tube.stride[0], tube.offset[0], tube.t);
  const ptrdiff_t size = ptrdiff_t{tube.h} * tube.w;
  const float *low = tube.values + t.low * size, *high = tube.values + t.high * size;
  for (ptrdiff_t i = 0; i < size; ++i) plane[i] = mix(low[i], high[i], t.part);
}

void temporal_curve(const TubeView& tube, int length, float* curve) {
  const ptrdiff_t size = ptrdiff_t{tube.h} * tube.w;
  std::vector<double> sums(size_t(tube.t));
  for (int i = 0; i < tube.t; ++i) {
    for (ptrdiff_t j = 0; j < size; ++j) sums[size_t(i)] += tube.values[i * size + j];
  }
  for (int slice = 0; slice < length; ++slice) {
    const Between t = between(slice, tube.stride[0], tube.offset[0], tube.t);
    const double part = t.part;
    curve[slice] = float((1 - part) * sums[size_t(t.low)] + part * sums[size_t(t.high)]);
  }
}

Peak tube_peak(const TubeView& tube, int flat_index) {
  const int x = flat_index % tube.w, y = flat_index / tube.w % tube.h,
            t = flat_index / tube.w / tube.h;
  return {tube.values[flat_index], tube.offset[0] + tube.stride[0] * t,
          tube.offset[1] + tube.stride[1] * y, tube.offset[2] + tube.stride[2] * x};
}

std::vector<Box> plane_boxes(const float* plane, const TubeView& tube, int clip_height,
                             int clip_width, const Box& source, float threshold, int limit) {
  std::vector<Box> boxes;
  for (const Region& region : find_regions(plane, tube.h, tube.w, threshold)) {
    if (int(boxes.size()) >= limit) break;
    const Span x = span_in_frame(region.left, region.right, tube.stride[2], tube.offset[2],
                                 clip_width, source.x, source.width);
    const Span y = span_in_frame(region.top, region.bottom, tube.stride[1], tube.offset[1],
                                 clip_height, source.y, source.height);
    if (x.length > 0 && y.length > 0)
      boxes.push_back({x.begin, y.begin, x.length, y.length, region.value});
  }
  return boxes;
}

}  // namespace tubecam
