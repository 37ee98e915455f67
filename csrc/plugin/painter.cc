#include "plugin/painter.h"

#include <algorithm>
#include <cmath>

namespace tubecam {
namespace {

constexpr double kStripRelease =
    6;  // seconds, as of HeatSmoother: the strip keeps its scale within a scene

Rect to_pixels(const Box& crop, const Frame& frame) {
  return {double{crop.x} * frame.width, double{crop.y} * frame.height,
          double{crop.width} * frame.width, double{crop.height} * frame.height};
}

std::string note_of(const Annotation& annotation) {
  if (!annotation.valid) return annotation.problem;
  const std::string method = annotation.method, target = annotation.target;
  return target == annotation.label ? method : method + " of " + target;
}

}  // namespace

void Painter::paint(const Frame& frame, const Annotation& annotation, const OverlayStyle& style) {
  if (annotation.valid && style.show_heat && style.heat.alpha > 0) {
    paint_heat(frame, annotation, style.heat);
  }
  if (!style.show_label && !style.show_strip) return;
  Caption caption;
  if (style.show_label) {
    caption.label = annotation.label;
    caption.score = static_cast<float>(annotation.score);
    caption.note = note_of(annotation);
  }
  if (style.show_strip && annotation.valid) {
    caption.strip = strip(annotation);
    caption.strip_now = annotation.slice / std::max(annotation.clip_length - 1, 1);
  }
  caption_.draw(frame, caption, style.heat.color_map);
}

void Painter::paint_heat(const Frame& frame, const Annotation& annotation, const HeatStyle& style) {
  const TubeView& tube = annotation.tube;
  plane_.resize(size_t{1} * tube.h * tube.w);
  tube_plane(tube, annotation.slice, plane_.data());
  const float* last = tube.values + size_t{1} * tube.t * tube.h * tube.w;
  smoother_.update(plane_, *std::max_element(tube.values, last), annotation.pts);
  HeatPlane plane;
  plane.values = smoother_.plane().data();
  plane.h = tube.h;
  plane.w = tube.w;
  plane.stride = {tube.stride[1], tube.stride[2]};
  plane.offset = {tube.offset[1], tube.offset[2]};
  plane.clip_height = annotation.clip_height;
  plane.clip_width = annotation.clip_width;
  plane.source = to_pixels(annotation.crop, frame);
  plane.scale = smoother_.scale();
  blend_heat(frame, plane, style);
}

std::vector<float> Painter::strip(const Annotation& annotation) {
  std::vector<float> strip(annotation.curve, annotation.curve + annotation.clip_length);
  const float most = *std::max_element(strip.begin(), strip.end());
  const int64_t passed = annotation.pts - strip_pts_;
  const bool afresh = strip_pts_ < 0 || passed < 0 || passed > 1'000'000'000;
  const auto kept =
      static_cast<float>(std::exp(-1e-9 * static_cast<double>(passed) / kStripRelease));
  strip_scale_ = std::max(most, afresh ? 0 : strip_scale_ * kept);
  strip_pts_ = annotation.pts;
  for (float& value : strip) {
    value = strip_scale_ > 0 ? std::clamp(value / strip_scale_, 0.0f, 1.0f) : 0;
  }
  return strip;
}

void Painter::reset() {
  smoother_.reset();
  strip_pts_ = -1;
}

}  // namespace tubecam
