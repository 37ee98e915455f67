// The three loops of Winograd's convolution over a block of rows of tiles (see winograd.h).
#pragma once

#include <cstddef>

#include "engine/winograd/winograd.h"
#include "engine/winograd/winograd_math.h"

namespace tubecam::winograd {

constexpr int kComponents = kPatch * kPatch;
constexpr int kVector = 16;  // channels that are transformed together, at most
constexpr int kPanel = 16;   // outputs that are multiplied together

struct Block {
  const ConvolutionShape* shape;
  int first, rows;  // of tiles
  int tiles_x;
  int depth, columns;
  float* transformed;        // V [36, in_step]; rows of [depth]: frame, row of tiles, tile
  float* products;           // M [36, out_step]; rows of [columns], as in V
  size_t in_step, out_step;  // values from one component to the next

  size_t frame_rows() const { return size_t(rows) * tiles_x; }
};

// What is done to the sums before they are stored.
struct Finish {
  const float* bias;      // [columns]
  const float* residual;  // like the output, or null
  bool relu;
};

// One row of tiles of one frame of V. stage: [6, 6, depth].
void transform_inputs(const Block& block, const float* input, int frame, int row, float* stage);

// One component of all tiles of the block. kernel: [36, panel, tap, input, 16].
void multiply(const Block& block, const float* kernel, int component);

// One row of tiles of one frame of the output.
void transform_outputs(const Block& block, const Finish& finish, float* output, int frame, int row);

}  // namespace tubecam::winograd
