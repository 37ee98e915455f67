// What a model sees: the sidecar's "clip" section (engines/README.md).
#pragma once

#include <array>

#include "base/choice.h"
#include "base/export.h"
#include "base/rect.h"

namespace tubecam {

enum class ResizeRule { kCrop, kStretch, kPad };
enum class ColorOrder { kRgb, kBgr };

// How a frame becomes the model's picture.
inline constexpr Choice<ResizeRule> kResizeRules[] = {
    {ResizeRule::kCrop, "crop", "Its short side is scaled to short_side, its middle is cut out"},
    {ResizeRule::kStretch, "stretch", "It is scaled to the picture's size, whatever its shape"},
    {ResizeRule::kPad, "pad", "It is scaled to fit, with bars beside it"},
};

inline constexpr Choice<ColorOrder> kColorOrders[] = {
    {ColorOrder::kRgb, "RGB", "Red first"},
    {ColorOrder::kBgr, "BGR", "Blue first"},
};

// The optical flow that a model takes besides the clip (clip/optical_flow/clip_flow.h).
struct FlowSpec {
  bool used = false;
  float bound = 20;     // clip pixels from one frame to the next: what is farther is clamped
  float scale = 0.05f;  // what one such pixel becomes
};

struct Limits {
  double least, most;
};

// Of what a clip may be: the one place that states it. The parser of sidecars, the bindings and the
// export read it here, and engines/bundle.schema.json says the same.
struct ClipLimits {
  Limits length{1, 256}, side{8, 1024}, sample_fps{1e-3, 240};
  Limits mean{-1e3, 1e3}, std{1e-4, 1e4};
  double short_side = 4096;  // at most; at least the greater of height and width
  Limits flow_bound{0.1, 1024}, flow_scale{1e-4, 1e4};
  double flow_length = 2, flow_side = 16;  // at least, for models that take optical flow
};
inline constexpr ClipLimits kClipLimits;

struct TUBECAM_API ClipSpec {
  int length = 16;  // T, sampled frames
  int height = 112;
  int width = 112;
  double sample_fps = 15.0;                     // sampled frames a second
  std::array<float, 3> mean{0.5f, 0.5f, 0.5f};  // of values in 0…1, in `color` order
  std::array<float, 3> std{0.5f, 0.5f, 0.5f};
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
