// What `preprocess` computes once per frame size, format and source rectangle: weights and scratch.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/export.h"
#include "bundle/clip_spec.h"
#include "clip/frame/frame.h"
#include "clip/preprocess/preprocess_math.h"

namespace tubecam {

// Independent sums of the horizontal pass: whole vectors, and a multiple of the number of channels,
// so that a lane always meets the same channel.
constexpr int preprocess_lanes(int channels) { return channels == 3 ? 12 : 8; }

// How one plane is resampled: rows first, by span; then columns, as dot products of equal length.
struct PlanePlan {
  PlaneLayout layout;
  std::vector<Span> rows;      // [H]
  std::vector<int> columns;    // [W] first byte of each output pixel, from `begin`
  std::vector<float> weights;  // [W, taps] one weight a byte, zero-padded to whole lanes
  int taps = 0;                // bytes
  int begin = 0;               // first byte of a row that any output pixel needs
  int bytes = 0;               // … and how many from there
  std::vector<uint16_t> sum;   // [bytes] scratch: whole rows added up
  std::vector<float> row;      // [bytes + taps] scratch: one output row before its columns
};

// How one plane's samples make up the rows and columns of a sampled frame.
struct PlaneSpans {
  std::vector<Span> rows, columns;  // [H], [W]
};

// From converted colours to the sampled frame's channels.
struct ChannelMap {
  std::array<int, 3> channel{};  // of the converted colour, for each channel of the sampled frame
  std::array<Normalisation, 3> normal{};
};

struct PreprocessPlan {
  // What the plan was made for.
  Frame frame;
  Rect source;

  int height = 0, width = 0;  // of the sampled frame
  std::vector<PlanePlan> planes;
  std::vector<float> row_coverage;     // [H]
  std::vector<float> column_coverage;  // [W]
  ChannelMap map;
  std::vector<float> channels;  // [4, W] scratch: one output row, resampled
};

// Shared by the CPU's and CUDA's files.
TUBECAM_API PlaneSpans plane_spans(const Frame& frame, int plane, const Rect& source,
                                   const ClipSpec& spec);
TUBECAM_API YuvToRgb frame_conversion(const Frame& frame);
TUBECAM_API ChannelMap channel_map(PixelFormat format, const ClipSpec& spec);

void preprocess_cpu(PreprocessPlan& plan, const Frame& frame, float* sampled);

}  // namespace tubecam
