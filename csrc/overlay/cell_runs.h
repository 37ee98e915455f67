// Geometry of `blend_heat` on the CPU: along one axis, which samples lie where among the cells.
#pragma once

#include <vector>

#include "base/export.h"
#include "clip/frame/frame.h"
#include "overlay/overlay.h"

namespace tubecam {

// A run of samples between two neighbouring cells, or within the block of one: at sample i a share
// start + (i − begin)·step of `next`.
struct CellRun {
  int begin, end;
  int cell, next;
  double start, step;
};

// One axis of one plane of the frame.
struct TUBECAM_API SampleAxis {
  int size, pitch;  // samples, and frame pixels a sample
  double source, source_size;
  int clip_size;
  double stride, offset;
  int cells;
  double gap;  // between blocks, see block_gap()

  double place(int sample) const;  // of a sample's centre, in cells
  double step() const;             // cells a sample
  int begin() const;               // samples whose centre lies in `source`
  int end() const;
};

// axis: 0 for y, 1 for x. refine: points that stand for a cell.
TUBECAM_API SampleAxis sample_axis(const Frame& frame, const HeatPlane& plane,
                                   const PlaneLayout& layout, int axis, int refine);

// Empty where `source` misses the frame.
void find_runs(const SampleAxis& axis, std::vector<CellRun>& runs);
// Of blocks: the samples in the gaps between them are in none.
void find_blocks(const SampleAxis& axis, std::vector<CellRun>& runs);

}  // namespace tubecam
