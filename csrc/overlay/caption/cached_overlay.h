// A small picture with transparency, made once and blended into many frames of any format.
#pragma once

#include <cairo.h>

#include <memory>
#include <vector>

#include "overlay/caption/device_cached_overlay.h"

namespace tubecam {

class CachedOverlay {
 public:
  // picture: ARGB32 (premultiplied), even in width and height. Converted for frames like `frame`.
  void build(cairo_surface_t* picture, const Frame& frame);
  bool empty() const { return planes_.empty(); }

  // x, y: where the left top corner lies, frame pixels, even and at least 0. What reaches beyond
  // the frame is cut off. Of a frame on a GPU: see Note [Frames on a device].
  void draw(const Frame& frame, int x, int y);

 private:
  void draw_there(const Frame& frame, int x, int y);

  std::vector<CachedPlane> planes_;
  Device device_;  // of there_
  std::unique_ptr<DeviceCachedOverlay> there_;
  bool loaded_ = false;
};

}  // namespace tubecam
