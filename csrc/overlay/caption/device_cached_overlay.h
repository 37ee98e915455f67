// What a sticker does to the planes of a frame, and its twin on a GPU.
#pragma once

#include <vector>

#include "base/export.h"
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
TUBECAM_API StickerPart part_under(const Frame& frame, int plane, const PlaneLayout& sticker, int x,
                                   int y);

// A sticker in a GPU's memory: cached_overlay_cuda.cu.
class DeviceSticker {
 public:
  virtual ~DeviceSticker() = default;
  // Copies it there with the next draw(). Needs more memory only for a larger one.
  virtual void load(const std::vector<StickerPlane>& planes) = 0;
  virtual void draw(const Frame& frame, int x, int y) = 0;
};

}  // namespace tubecam
