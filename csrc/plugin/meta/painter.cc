#include "plugin/meta/painter.h"

#include <algorithm>
#include <cmath>

#include "explain/receipt/scores.h"
#include "overlay/heat/heat_math.h"

namespace tubecam {
namespace {

constexpr double kStripRelease =
    6;  // seconds, as of HeatSmoother: the strip keeps its scale within a scene
constexpr float kToldStep = 1.1f;  // by so much a scale changes before the legend does

Rect to_pixels(const Box& crop, const Frame& frame) {
  return {double{crop.x} * frame.width, double{crop.y} * frame.height,
          double{crop.width} * frame.width, double{crop.height} * frame.height};
}

bool tells_motion(const Annotation& annotation, const OverlayStyle& style) {
  return annotation.valid && annotation.motion && style.show != Show::kHeat;
}

// What a viewer has to know besides the label, in the order of its weight.
std::string note_of(const Annotation& annotation, const OverlayStyle& style) {
  if (!annotation.valid) return annotation.problem;
  const std::string method = annotation.method, target = annotation.target;
  std::string note = annotation.also;
  if (!note.empty()) note = "also " + note + "; ";
  note += target == annotation.label ? method : method + " of " + target;
  for (const Mark& mark : annotation.marks) note += " (" + mark.text + ")";
  if (std::isfinite(annotation.motion_share))
    note += (annotation.of_flow() ? ", flow " : ", motion ") +
            std::to_string(std::lround(100 * annotation.motion_share)) + " %";
  else if (style.show == Show::kMotion)
    note += ", motion unknown";
  return note;
}

// Of each sampled frame the share of relevance that is motion: the cells', weighted by their
// relevance.
std::vector<float> motion_curve(const Annotation& annotation) {
  const TubeView& tube = annotation.tube;
  const size_t count = size_t{1} * tube.t * tube.h * tube.w;
  std::vector<float> weight(count), moving(count);
  for (size_t i = 0; i < count; ++i) {
    weight[i] = std::max(tube.values[i], 0.0f);
    moving[i] = weight[i] * cell_motion(annotation.motion[i]);
  }
  std::vector<float> all(annotation.clip_length), part(annotation.clip_length);
  TubeView view = tube;
  view.values = weight.data();
  temporal_curve(view, annotation.clip_length, all.data());
  view.values = moving.data();
  temporal_curve(view, annotation.clip_length, part.data());
  std::transform(part.begin(), part.end(), all.begin(), part.begin(), motion_share);
  return part;
}

}  // namespace

void Painter::paint(const Frame& frame, const Annotation& annotation, const OverlayStyle& style) {
  if (frame.device.type == DeviceType::kCpu) return draw(frame, annotation, style);
  if (!canvas_ || canvas_->device().index != frame.device.index)
    canvas_ = make_device_canvas(frame.device);
  const Frame there = canvas_->begin(frame);
  try {
    draw(there, annotation, style);
  } catch (...) {
    canvas_->end();  // the memory may go on only when nothing is drawn on it any more
    throw;
  }
  canvas_->end();
}

void Painter::draw(const Frame& frame, const Annotation& annotation, const OverlayStyle& style) {
  if (annotation.valid && style.has_heat()) paint_heat(frame, annotation, style);
  if (!style.show_label && !style.show_strip) return;
  const bool hue = tells_motion(annotation, style);
  Caption caption;
  if (style.show_label) {
    caption.label = annotation.label;
    caption.score = score_text(float(annotation.score), annotation.head);
    caption.note = note_of(annotation, style);
    if (annotation.valid && style.has_heat()) add_legend(annotation, style, &caption);
  }
  if (style.show_strip && annotation.valid) draw_strip(annotation, hue, &caption);
  caption_.draw(frame, caption, style.heat.color_map);
}

// A pixel's tube takes as long to weigh as a frame to draw, so it is done once a window.
const Evidence& Painter::weigh_window(const Annotation& annotation) {
  if (weighed_ != annotation.tube.values || weighed_window_ != annotation.window) {
    evidence_ =
        weigh(annotation.tube, annotation.unit, annotation.logit, annotation.baseline_logit);
    weighed_ = annotation.tube.values;
    weighed_window_ = annotation.window;
  }
  return evidence_;
}

// The scale glides; a number that did would not be read.
void Painter::add_legend(const Annotation& annotation, const OverlayStyle& style,
                         Caption* caption) {
  const float scale = style.scale > 0 ? style.scale : smoother_.scale();
  const bool near = scale < legend_scale_ * kToldStep && scale > legend_scale_ / kToldStep;
  if (style.scale > 0 || !near) legend_scale_ = scale;
  caption->full = describe_full(legend_scale_, weigh_window(annotation));
  if (!tells_motion(annotation, style))
    caption->legend = Legend::kHeat;
  else
    caption->legend = annotation.of_flow() ? Legend::kFlow : Legend::kMotion;
}

void Painter::paint_heat(const Frame& frame, const Annotation& annotation,
                         const OverlayStyle& style) {
  TubeView tube = annotation.tube;
  plane_.resize(size_t{1} * tube.h * tube.w);
  tube_plane(tube, annotation.slice, plane_.data());
  motion_.clear();
  if (tells_motion(annotation, style)) {
    motion_.resize(plane_.size());
    tube.values = annotation.motion;
    tube_plane(tube, annotation.slice, motion_.data());
  }
  smoother_.update(plane_, full_heat(weigh_window(annotation)), annotation.pts, motion_);
  HeatPlane plane;
  plane.values = smoother_.plane().data();
  if (!smoother_.motion().empty()) plane.motion = smoother_.motion().data();
  plane.h = tube.h;
  plane.w = tube.w;
  plane.stride = {tube.stride[1], tube.stride[2]};
  plane.offset = {tube.offset[1], tube.offset[2]};
  plane.clip_height = annotation.clip_height;
  plane.clip_width = annotation.clip_width;
  plane.source = to_pixels(annotation.crop, frame);
  plane.scale = style.scale > 0 ? style.scale : smoother_.scale();
  if (frame.device.type == DeviceType::kCpu)
    blend_heat(frame, plane, style.heat);
  else
    canvas_->blend_heat(frame, plane, style.heat);
}

float Painter::strip_scale(const std::vector<float>& strip, const Annotation& annotation) {
  const float most =
      full_curve(weigh_window(annotation), *std::max_element(strip.begin(), strip.end()));
  const int64_t pts = annotation.pts, passed = pts - strip_pts_;
  const bool restart = strip_pts_ < 0 || passed < 0 || passed > 1'000'000'000;
  const auto kept =
      static_cast<float>(std::exp(-1e-9 * static_cast<double>(passed) / kStripRelease));
  strip_scale_ = std::max(most, restart ? 0 : strip_scale_ * kept);
  strip_pts_ = pts;
  return strip_scale_;
}

void Painter::draw_strip(const Annotation& annotation, bool hue, Caption* caption) {
  caption->strip.assign(annotation.curve, annotation.curve + annotation.clip_length);
  caption->strip_now = annotation.slice / std::max(annotation.clip_length - 1, 1);
  caption->key_frames = key_frames(caption->strip, std::max(1, annotation.clip_length / 6));
  if (hue) caption->strip_motion = motion_curve(annotation);
  const float scale = strip_scale(caption->strip, annotation);
  for (float& value : caption->strip) {
    value = scale > 0 ? std::clamp(value / scale, 0.0f, 1.0f) : 0;
  }
}

void Painter::reset() {
  smoother_.reset();
  weighed_ = nullptr;
  strip_pts_ = -1;
}

void Painter::release() {
  canvas_.reset();
  caption_ = {};
}

}  // namespace tubecam
