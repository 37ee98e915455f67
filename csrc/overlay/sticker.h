// A small picture with transparency, made once and blended into many frames of any format.
#pragma once

#include <cairo.h>

#include <vector>

#include "clip/frame.h"
#include "overlay/blend.h"

namespace tubecam {

class Sticker {
 public:
  // picture: ARGB32 (premultiplied), even in width and height. Converted for frames like `frame`.
  void build(cairo_surface_t* picture, const Frame& frame);
  void clear() { planes_.clear(); }
  bool empty() const { return planes_.empty(); }

  // x, y: where the left top corner lies, frame pixels, even and at least 0. What reaches beyond
  // the frame is cut off.
  void draw(const Frame& frame, int x, int y) const;

 private:
  struct Plane {
    PlaneLayout layout;          // of the sticker
    std::vector<BlendRow> rows;  // [layout.height]
  };
  std::vector<Plane> planes_;
};

}  // namespace tubecam
