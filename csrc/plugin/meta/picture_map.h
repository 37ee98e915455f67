// Where the points of a picture went when it was scaled, cropped, boxed, flipped or turned.
#pragma once

#include <gst/video/video.h>

#include <optional>

#include "clip/frame/frame.h"

namespace tubecam {

// The data of the meta transform "gst-video-matrix", with which GStreamer 1.28 and newer report
// what they do to a picture; older headers lack it, and a plugin built with those runs there too.
// A point of the old picture, relative to `from`, times the matrix is one of the new, relative to
// `to`; pixels.
struct PictureMatrix {
  const GstVideoInfo* before;
  GstVideoRectangle from;
  const GstVideoInfo* after;
  GstVideoRectangle to;
  float values[3][3];
};
constexpr char kMatrixTransform[] = "gst-video-matrix";

// In relative coordinates, 0…1 across the picture's width and height.
struct PictureMap {
  bool turned = false;  // by a quarter, or mirrored at a diagonal: x comes from y, and y from x
  double scale_x = 1, shift_x = 0;  // new x = scale_x · (turned ? y : x) + shift_x
  double scale_y = 1, shift_y = 0;

  bool moves_cells() const { return turned || scale_x < 0 || scale_y < 0; }
  void apply(double* x, double* y) const;
  Rect apply(const Rect& rect) const;
};

// The whole picture at another size. Nothing when the shape changed by two pixels or more: then
// there may be borders, which are not reported.
std::optional<PictureMap> map_of_scaling(const GstVideoInfo& before, const GstVideoInfo& after);

// Nothing when rectangles do not stay rectangles.
std::optional<PictureMap> map_of_matrix(const PictureMatrix& matrix);

}  // namespace tubecam
