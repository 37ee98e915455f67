// Kernel: blends one plane of the tube into a frame, in place. A frame-sized tube is never written.
#pragma once

#include <array>

#include "base/device.h"
#include "base/export.h"
#include "clip/frame/frame.h"
#include "overlay/heat/heat_style.h"

namespace tubecam {

constexpr int kRefine = 4;    // see Note [Heat]
constexpr int kFewCells = 5;  // see Note [Few cells]

// The tube at one time, and where it lies in the frame.
struct HeatPlane {
  const float* values = nullptr;  // [h, w], logit units
  // [h, w], 0…1: how much of a cell's relevance is motion; nullptr: colours show heat alone
  const float* motion = nullptr;
  int h = 0, w = 0;
  std::array<double, 2> stride{}, offset{};  // y, x, clip pixels
  int clip_height = 0, clip_width = 0;
  // The model's crop, frame pixels: clip pixel c begins at source.x + c·source.width/clip_width.
  Rect source;
  float scale = 1;  // the value shown as full heat (1.0), logit units
};

// Note [Heat]
// heat = clamp(values/scale, 0, 1), NaN as 0, refined: Catmull–Rom, cut to 0…1, at kRefine points a
// cell along x, then along y, bilinear between these. So a cell keeps its value at its centre, and
// no ridges show. Beyond the outermost centres the outermost cells go on.
// opacity = alpha · smoothstep over heat from threshold to (threshold+1)/2, so that no edge shows
// at the threshold; 0 up to it.
// pixel = mix(pixel, colour, opacity), the colour linear between the entries of color_table at
// heat·255.
// A sample is drawn when its centre lies within `source`, edges included; nothing else changes, nor
// do alpha channels.
// In NV12 and I420 the colour is converted with the frame's matrix and range; a chroma sample lies
// at the centre of its 2×2 pixels. A scale that is not positive draws nothing.
// The CPU kernel works in fixed point: within 2 levels of this definition for thresholds up to 0.8.
//
//
// Note [Few cells]
// A plane of fewer than kFewCells rows or columns is not refined: drawn smooth, it would seem to
// know places that it does not. Each cell is a block of one heat and one motion, and the picture
// shows in a thin gap between two blocks (block_at). The outermost blocks go on to the edges of
// `source`.
//
//
// Note [Motion]
// With `motion`, opacity shows how much relevance there is and hue what it is: the colour is
// mix(color_table(kStill), color_table(kMoving), motion), both at heat·255, and `color_map` is not
// used. Heat and heat·motion are refined alike; at a refined point motion is their quotient (½
// without heat), so that a cold cell lends no hue to its neighbours. It is bilinear between these
// points.
//
// On a CUDA device the frame is brought there and back, and one that lies there is heated in place
// (plane.values and plane.motion are in system memory all the same; where these lie there too:
// overlay_cuda.h). Throws kUsage when the frame, the geometry or the style is out of range.
TUBECAM_API void blend_heat(const Frame& frame, const HeatPlane& plane, const HeatStyle& style,
                            Device device = {});

inline bool is_in_blocks(const HeatPlane& plane) {
  return plane.h < kFewCells || plane.w < kFewCells;
}

// The checks of blend_heat(). False when nothing would be drawn.
TUBECAM_API bool check_heat(const Frame& frame, const HeatPlane& plane, const HeatStyle& style);

}  // namespace tubecam
