#include "plugin/meta/picture_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tubecam {
namespace {

#if GST_CHECK_VERSION(1, 28, 0)
static_assert(sizeof(PictureMatrix) == sizeof(GstVideoMetaTransformMatrix));
#endif

double width_of(const GstVideoInfo& info) { return GST_VIDEO_INFO_WIDTH(&info); }
double height_of(const GstVideoInfo& info) { return GST_VIDEO_INFO_HEIGHT(&info); }

double pixel_aspect(const GstVideoInfo& info) {
  const double n = GST_VIDEO_INFO_PAR_N(&info), d = GST_VIDEO_INFO_PAR_D(&info);
  return n > 0 && d > 0 ? n / d : 1;
}

// What one axis of the new picture takes from one of the old, in pixels. A matrix that mirrors
// gives a pixel's number, w − 1 − x, where the edges are those of w − x.
struct Axis {
  double scale, shift;
  Axis(double factor, double term, double from, double to)
      : scale(factor), shift(term + to - factor * from + (factor < 0 ? 1 : 0)) {}
};

}  // namespace

void PictureMap::apply(double* x, double* y) const {
  if (turned) std::swap(*x, *y);
  *x = scale_x * *x + shift_x;
  *y = scale_y * *y + shift_y;
}

Rect PictureMap::apply(const Rect& rect) const {
  double left = rect.x, top = rect.y, right = left + rect.width, bottom = top + rect.height;
  apply(&left, &top);
  apply(&right, &bottom);
  return {std::min(left, right), std::min(top, bottom), std::abs(right - left),
          std::abs(bottom - top)};
}

std::optional<PictureMap> map_of_scaling(const GstVideoInfo& before, const GstVideoInfo& after) {
  const double wanted = width_of(before) / height_of(before) * pixel_aspect(before);
  const double there = pixel_aspect(after);
  // How wide, and how high, a picture of the old shape would be in the new one.
  const double wide = height_of(after) * wanted / there, high = width_of(after) * there / wanted;
  if (std::max(width_of(after) - wide, height_of(after) - high) >= 2) return std::nullopt;
  return PictureMap{};
}

std::optional<PictureMap> map_of_matrix(const PictureMatrix& matrix) {
  const auto& m = matrix.values;
  const bool straight = m[0][1] == 0 && m[1][0] == 0, turned = m[0][0] == 0 && m[1][1] == 0;
  const bool flat = m[2][0] == 0 && m[2][1] == 0 && m[2][2] == 1;
  const float x_factor = m[0][turned], y_factor = m[1][!turned];
  if (!flat || straight == turned || x_factor == 0 || y_factor == 0) return std::nullopt;
  const GstVideoRectangle &from = matrix.from, &to = matrix.to;
  const Axis x(x_factor, m[0][2], turned ? from.y : from.x, to.x);
  const Axis y(y_factor, m[1][2], turned ? from.x : from.y, to.y);
  double old_width = width_of(*matrix.before), old_height = height_of(*matrix.before);
  if (turned) std::swap(old_width, old_height);
  const double width = width_of(*matrix.after), height = height_of(*matrix.after);
  return PictureMap{turned, x.scale * old_width / width, x.shift / width,
                    y.scale * old_height / height, y.shift / height};
}

}  // namespace tubecam
