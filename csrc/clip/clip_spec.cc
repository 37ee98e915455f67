#include "clip/clip_spec.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tubecam {

namespace {

void check_range(const char* field, double value, double low, double high) {
  check(value >= low && value <= high, ErrorCode::kUsage, "clip.", field, " is ", value,
        "; it must lie in ", low, " to ", high);
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
  check_range("length", spec.length, 1, 256);
  check_range("height", spec.height, 8, 1024);
  check_range("width", spec.width, 8, 1024);
  check(spec.sample_fps > 0 && spec.sample_fps <= 240, ErrorCode::kUsage, "clip.sample_fps is ",
        spec.sample_fps, "; it must be above 0 and at most 240");
  for (int c = 0; c < 3; ++c) {
    check_range("mean", spec.mean[c], -1e4, 1e4);
    check_range("std", spec.std[c], 1e-4, 1e4);
  }
  if (spec.resize == ResizeRule::kCrop) check_range("resize.short_side", spec.short_side, 1, 4096);
}

}  // namespace tubecam
