#include "bundle/clip_spec.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tubecam {

namespace {

void check_range(const char* field, double value, const Limits& limits) {
  check(value >= limits.least && value <= limits.most, ErrorCode::kUsage, "clip.", field, " is ",
        value, "; it must lie in ", limits.least, " to ", limits.most);
}

Rect centred(double frame_width, double frame_height, double width, double height) {
  return {(frame_width - width) / 2, (frame_height - height) / 2, width, height};
}

}  // namespace

Rect ClipSpec::source_rect(int frame_width, int frame_height) const {
  double scale = 0;  // frame pixels per clip pixel
  switch (resize) {
    case ResizeRule::kStretch:
      return {0, 0, double(frame_width), double(frame_height)};
    case ResizeRule::kCrop:
      scale = double(std::min(frame_width, frame_height)) / short_side;
      break;
    case ResizeRule::kPad:
      scale = std::max(double(frame_width) / width, double(frame_height) / height);
      break;
  }
  return centred(frame_width, frame_height, width * scale, height * scale);
}

void check_clip_spec(const ClipSpec& spec) {
  const ClipLimits& limits = kClipLimits;
  check_range("length", spec.length, limits.length);
  check_range("height", spec.height, limits.side);
  check_range("width", spec.width, limits.side);
  check_range("sample_fps", spec.sample_fps, limits.sample_fps);
  for (int c = 0; c < 3; ++c) {
    check_range("mean", spec.mean[c], limits.mean);
    check_range("std", spec.std[c], limits.std);
  }
  if (spec.resize == ResizeRule::kCrop) {
    const double side = std::max(spec.height, spec.width);
    check_range("resize.short_side", spec.short_side, {side, limits.short_side});
  }
  if (!spec.flow.used) return;
  check_range("flow.bound", spec.flow.bound, limits.flow_bound);
  check_range("flow.scale", spec.flow.scale, limits.flow_scale);
  check_range("length", spec.length, {limits.flow_length, limits.length.most});
  check_range("height", spec.height, {limits.flow_side, limits.side.most});
  check_range("width", spec.width, {limits.flow_side, limits.side.most});
}

}  // namespace tubecam
