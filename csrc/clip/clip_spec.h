// What a model sees: the sidecar's "clip" section (engines/README.md).
#pragma once

#include <array>

#include "base/export.h"
#include "clip/frame.h"

namespace tubecam {

enum class ResizeRule { kCrop, kStretch, kPad };
enum class ColorOrder { kRgb, kBgr };

// The optical flow that a model takes besides the clip (clip/clip_flow.h).
struct FlowSpec {
  bool used = false;
  float bound = 20;     // clip pixels a slice: what is farther is clamped
  float scale = 0.05f;  // what a pixel a slice becomes
};

struct TUBECAM_API ClipSpec {
  int length = 16;  // T, slices
  int height = 112;
  int width = 112;
  double sample_fps = 15.0;     // slices a second
  std::array<float, 3> mean{};  // of values in 0…1, in `color` order
  std::array<float, 3> std{1, 1, 1};
  ColorOrder color = ColorOrder::kRgb;
  ResizeRule resize = ResizeRule::kCrop;
  int short_side = 112;  // for kCrop
  FlowSpec flow;

  // The part of a frame that becomes the H×W picture. With kPad it reaches beyond the frame.
  Rect source_rect(int frame_width, int frame_height) const;
};

// Throws kUsage naming the field when a value is outside the limits of engines/README.md.
TUBECAM_API void check_clip_spec(const ClipSpec& spec);

}  // namespace tubecam
