// What a sticker does to the planes of a frame, and its twin on a GPU.
#pragma once

#include <algorithm>
#include <vector>

#include "clip/frame/frame.h"
#include "overlay/blend/blend.h"

namespace tubecam {

// What a sticker does to the bytes of one plane.
struct StickerPlane {
  PlaneLayout layout;          // of the sticker
  std::vector<BlendRow> rows;  // [layout.height]
};

// The samples of the frame's plane under a sticker whose left top corner lies at x, y of the frame.
struct StickerPart {
  int left, top, width, height;  // the size may be 0 or less: nothing is under it
};
inline StickerPart part_under(const Frame& frame, int plane, const PlaneLayout& sticker, int x,
                              int y) {
  const PlaneLayout canvas = plane_layout(frame.format, frame.width, frame.height, plane);
  const int left = sticker.chroma ? x / 2 : x, top = sticker.chroma ? y / 2 : y;
  return {left, top, std::min(sticker.width, canvas.width - left),
          std::min(sticker.height, canvas.height - top)};
}

// A sticker in a GPU's memory: cached_overlay_cuda.cu.
class DeviceSticker {
 public:
  virtual ~DeviceSticker() = default;
  // Copies it there with the next draw(). Needs more memory only for a larger one.
  virtual void load(const std::vector<StickerPlane>& planes) = 0;
  virtual void draw(const Frame& frame, int x, int y) = 0;
};

}  // namespace tubecam
