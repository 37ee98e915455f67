// The tube: relevance t×h×w in logit units, aligned to a window.
#pragma once

#include <array>
#include <vector>

#include "base/export.h"
#include "base/rect.h"

namespace tubecam {

// Cell (i, j, k) is centred on clip coordinates offset + stride·index; pixel centres are whole
// numbers (engines/README.md).
struct TubeView {
  const float* values = nullptr;  // [t, h, w]
  int t = 0, h = 0, w = 0;
  std::array<double, 3> stride{1, 1, 1};  // t (sampled frames), y, x (clip pixels)
  std::array<double, 3> offset{};
};

struct Peak {
  float value = 0;
  // Clip coordinates of the cell's centre; slice: index of a sampled frame, fractional.
  double slice = 0, y = 0, x = 0;
};

// Relative to the frame: 0…1 across its width and height.
struct Box {
  float x = 0, y = 0, width = 0, height = 0;
  float value = 0;  // greatest relevance inside
};

inline Box box_of(const Rect& place) {
  return {float(place.x), float(place.y), float(place.width), float(place.height), 0};
}

// Trilinear between cell centres, clamped beyond the outermost ones: sampled at a centre, a cell
// gives itself back.
TUBECAM_API float sample_tube(const TubeView& tube, double slice, double y, double x);

// plane: [h, w], the tube at one time (linear between cells, clamped).
TUBECAM_API void tube_plane(const TubeView& tube, double slice, float* plane);

// curve: [length], Σ over h, w of the tube at sampled frame 0 … length−1.
TUBECAM_API void temporal_curve(const TubeView& tube, int length, float* curve);

TUBECAM_API Peak tube_peak(const TubeView& tube, int flat_index);

// Bounding boxes of 4-connected regions where plane ≥ threshold (logit units), greatest value
// first, at most `limit`.
// source: the model's crop relative to the frame; clip_height, clip_width: its size in clip pixels.
// A cell covers stride pixels around its centre; boxes are cut at the frame.
TUBECAM_API std::vector<Box> plane_boxes(const float* plane, const TubeView& tube, int clip_height,
                                         int clip_width, const Box& source, float threshold,
                                         int limit = 16);

}  // namespace tubecam
