// What a cached overlay does to the planes of a frame, and its CUDA implementation.
#pragma once

#include <algorithm>
#include <vector>

#include "clip/frame/frame.h"
#include "overlay/blend/blend.h"

namespace tubecam {

// What it does to the bytes of one plane.
struct CachedPlane {
  PlaneLayout layout;          // of the overlay
  std::vector<BlendRow> rows;  // [layout.height]
};

// The samples of the frame's plane under an overlay whose left top corner lies at x, y of the
// frame.
struct CachedPart {
  int left, top, width, height;  // the size may be 0 or less: nothing is under it
};
inline CachedPart part_under(const Frame& frame, int plane, const PlaneLayout& overlay, int x,
                             int y) {
  const PlaneLayout canvas = plane_layout(frame.format, frame.width, frame.height, plane);
  const int left = overlay.chroma ? x / 2 : x, top = overlay.chroma ? y / 2 : y;
  return {left, top, std::min(overlay.width, canvas.width - left),
          std::min(overlay.height, canvas.height - top)};
}

// A cached overlay in a GPU's memory: cached_overlay_cuda.cu.
class DeviceCachedOverlay {
 public:
  virtual ~DeviceCachedOverlay() = default;
  // Copies it there with the next draw(). Needs more memory only for a larger one.
  virtual void load(const std::vector<CachedPlane>& planes) = 0;
  virtual void draw(const Frame& frame, int x, int y) = 0;
};

}  // namespace tubecam
