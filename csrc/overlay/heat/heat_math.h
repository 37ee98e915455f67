// The arithmetic of one element of `blend_heat`, shared by its CPU and CUDA files.
#pragma once

#include <cmath>

#include "base/macros.h"

namespace tubecam {

// NaN counts as cold.
TUBECAM_HOST_DEVICE float cell_heat(float value, float scale) {
  const float heat = value / scale;
  return heat > 0 ? (heat < 1 ? heat : 1.0f) : 0.0f;
}

// Catmull–Rom at a share t of the way from b to c, cut to 0…1: through the cells, and round where
// bilinear heat has ridges.
TUBECAM_HOST_DEVICE float cubic_heat(float a, float b, float c, float d, float t) {
  const float heat =
      b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  return heat > 0 ? (heat < 1 ? heat : 1.0f) : 0.0f;
}

// The share of heat that is motion, from refined heat and refined heat·motion. Half where there is
// no heat, and so no hue.
TUBECAM_HOST_DEVICE float motion_share(float moving, float heat) {
  if (!(heat > 0)) return 0.5f;
  const float share = moving / heat;
  return share > 0 ? (share < 1 ? share : 1.0f) : 0.0f;
}

// NaN counts as still.
TUBECAM_HOST_DEVICE float cell_motion(float motion) {
  return motion > 0 ? (motion < 1 ? motion : 1.0f) : 0.0f;
}

// alpha · smoothstep from `threshold` to halfway between it and 1.
TUBECAM_HOST_DEVICE float heat_opacity(float heat, float alpha, float threshold) {
  if (heat <= threshold) return 0.0f;
  const float t = (heat - threshold) / (0.5f * (1 - threshold));
  return t < 1 ? alpha * t * t * (3 - 2 * t) : alpha;
}

// Where a sample lies among the cells: its centre, frame pixels → clip pixels → cells.
TUBECAM_HOST_DEVICE double cell_at(double centre, double source, double clip_pixels_per_pixel,
                                   double stride, double offset) {
  return ((centre - source) * clip_pixels_per_pixel - 0.5 - offset) / stride;
}

// Half the gap between two blocks, in cells of that many frame pixels. Hardly ever a whole or half
// number of pixels, as the distances of samples from borders are: then rounding would decide.
TUBECAM_HOST_DEVICE double block_gap(int frame_height, double pixels_per_cell) {
  const double pixels = frame_height > 480 ? frame_height / 600.0 : 0.8;
  return pixels < 0.13 * pixels_per_cell ? pixels / pixels_per_cell : 0.13;
}

// The block at a place among the cells, −1 in the gap between two of them.
TUBECAM_HOST_DEVICE int block_at(double place, int cells, double gap) {
  const double inside = place > 0 ? (place < cells - 1 ? place : cells - 1) : 0;
  const int cell = int(inside + 0.5);
  const double from = place - cell;
  if (cell > 0 && from < gap - 0.5) return -1;
  return cell < cells - 1 && from > 0.5 - gap ? -1 : cell;
}

// Y, U, V in 0…255 from R, G, B in 0…255; `white` 1 for an opaque colour, its share for one
// premultiplied by opacity.
// kr, kb: the matrix's shares of red and blue in luma (ITU-R BT.601: 0.299, 0.114; BT.709: 0.2126,
// 0.0722).
struct RgbToYuv {
  float kr, kb, y_scale, y_offset, c_scale;
};

TUBECAM_HOST_DEVICE RgbToYuv rgb_to_yuv(bool bt709, bool full_range) {
  return {bt709 ? 0.2126f : 0.299f, bt709 ? 0.0722f : 0.114f, full_range ? 1.0f : 219.0f / 255,
          full_range ? 0.0f : 16.0f, full_range ? 1.0f : 224.0f / 255};
}

TUBECAM_HOST_DEVICE void convert_rgb(const RgbToYuv& k, float white, float& r, float& g, float& b) {
  const float luma = k.kr * r + (1 - k.kr - k.kb) * g + k.kb * b;
  const float u = (b - luma) / (2 * (1 - k.kb)), v = (r - luma) / (2 * (1 - k.kr));
  r = k.y_scale * luma + k.y_offset * white;
  g = k.c_scale * u + 128 * white;
  b = k.c_scale * v + 128 * white;
}

}  // namespace tubecam
