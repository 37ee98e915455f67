#include "overlay/cell_runs.h"

#include <algorithm>
#include <cmath>

#include "overlay/heat/heat_math.h"

namespace tubecam {
namespace {

int clamped(double sample, int size) {
  return static_cast<int>(std::clamp<double>(sample, 0, size));
}

}  // namespace

double SampleAxis::place(int sample) const {
  return cell_at((sample + 0.5) * pitch, source, clip_size / source_size, stride, offset);
}

double SampleAxis::step() const { return pitch * (clip_size / source_size) / stride; }

int SampleAxis::begin() const { return clamped(std::ceil(source / pitch - 0.5), size); }

int SampleAxis::end() const {
  return clamped(std::floor((source + source_size) / pitch - 0.5) + 1, size);
}

SampleAxis sample_axis(const Frame& frame, const HeatPlane& plane, const PlaneLayout& layout,
                       int axis, int refine) {
  const bool x = axis == 1;
  SampleAxis result{x ? layout.width : layout.height,
                    layout.chroma ? 2 : 1,
                    x ? plane.source.x : plane.source.y,
                    x ? plane.source.width : plane.source.height,
                    x ? plane.clip_width : plane.clip_height,
                    plane.stride[axis] / refine,
                    plane.offset[axis],
                    ((x ? plane.w : plane.h) - 1) * refine + 1,
                    0};
  result.gap = block_gap(frame.height, result.stride * result.source_size / result.clip_size);
  return result;
}

void find_runs(const SampleAxis& axis, std::vector<CellRun>& runs) {
  runs.clear();
  const double step = axis.step();
  const int last = axis.cells - 1, end = axis.end();
  for (int i = axis.begin(); i < end;) {
    const double place = axis.place(i);
    const bool before = place < 0, after = place >= last;
    const int cell = before ? 0 : after ? last : static_cast<int>(place);
    const double border = before ? 0 : cell + 1;  // where the next run begins
    int next = after && !before ? end : clamped(i + std::ceil((border - place) / step), axis.size);
    next = std::clamp(next, i + 1, end);
    if (before || after)
      runs.push_back({i, next, cell, cell, 0, 0});
    else
      runs.push_back({i, next, cell, cell + 1, place - cell, step});
    i = next;
  }
}

void find_blocks(const SampleAxis& axis, std::vector<CellRun>& runs) {
  runs.clear();
  int before = -1;
  for (int i = axis.begin(); i < axis.end(); ++i) {
    const int cell = block_at(axis.place(i), axis.cells, axis.gap);
    if (cell >= 0 && cell == before)
      ++runs.back().end;
    else if (cell >= 0)
      runs.push_back({i, i + 1, cell, cell, 0, 0});
    before = cell;
  }
}

}  // namespace tubecam
