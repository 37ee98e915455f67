#include <algorithm>
#include <array>
#include <cstring>

#include "base/macros.h"
#include "engine/winograd/winograd_block.h"

namespace tubecam::winograd {
namespace {

#define TUBECAM_ALWAYS_INLINE inline __attribute__((always_inline))

template <int Lanes>
struct VectorOf {
  typedef float type __attribute__((vector_size(Lanes * sizeof(float))));
};
template <int Lanes>
using Vector = typename VectorOf<Lanes>::type;

// From and to any address. GCC 11 forgets an `aligned(4)` of such a type and reads as if it were
// aligned to all of its bytes.
template <typename V>
TUBECAM_ALWAYS_INLINE void load(V& to, const float* from) {
  std::memcpy(&to, from, sizeof to);
}
template <typename V>
TUBECAM_ALWAYS_INLINE void store(float* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

// Where six rows of six pixels lie, channels side by side.
struct Patch {
  const float* pixels;
  size_t row, pixel;  // values from one to the next
};

// The 36 components of one patch.
template <int Lanes>
TUBECAM_ALWAYS_INLINE void transform_channels(const Patch& patch, int depth, float* to,
                                              size_t component) {
  for (int channel = 0; channel < depth; channel += Lanes) {
    Vector<Lanes> half[kComponents], line[kPatch];
    for (int x = 0; x < kPatch; ++x) {
      for (int y = 0; y < kPatch; ++y) {
        load(line[y], patch.pixels + y * patch.row + x * patch.pixel + channel);
      }
      transform_input(line, 1, half + x, kPatch);
    }
    for (int y = 0; y < kPatch; ++y) {
      transform_input(half + kPatch * y, 1, line, 1);
      for (int x = 0; x < kPatch; ++x) {
        store(to + (y * kPatch + x) * component + channel, line[x]);
      }
    }
  }
}

// Where the 36 products of a tile lie, and where its outputs go.
struct Tile {
  const float* products;
  size_t component;
  int height, width;  // outputs that exist, 1…4
  size_t row, pixel;  // values from one output to the next
  float* output;
  const float* residual;  // null, or like the output
  bool relu;
};

// Channels of one tile from `channel` on, of which `count` exist.
template <int Lanes>
TUBECAM_ALWAYS_INLINE void finish_tile(const Tile& tile, const float* bias, int channel,
                                       int count) {
  Vector<Lanes> half[kTile * kPatch], line[kPatch];
  for (int x = 0; x < kPatch; ++x) {
    for (int y = 0; y < kPatch; ++y) {
      load(line[y], tile.products + (y * kPatch + x) * tile.component + channel);
    }
    transform_output(line, 1, half + x, kPatch);
  }
  for (int y = 0; y < tile.height; ++y) {
    transform_output(half + kPatch * y, 1, line, 1);
    for (int x = 0; x < tile.width; ++x) {
      const size_t place = y * tile.row + x * tile.pixel + channel;
      Vector<Lanes> sum, residual = {};
      load(sum, bias + channel);
      sum += line[x];
      if (count == Lanes) {
        if (tile.residual) load(residual, tile.residual + place);
        sum += residual;
        if (tile.relu) sum = sum < 0 ? Vector<Lanes>{} : sum;  // NaN stays
        store(tile.output + place, sum);
        continue;
      }
      for (int i = 0; i < count; ++i) {
        const float whole = tile.residual ? sum[i] + tile.residual[place + i] : sum[i];
        tile.output[place + i] = tile.relu && whole < 0 ? 0.0f : whole;
      }
    }
  }
}

template <int Lanes>
TUBECAM_ALWAYS_INLINE void finish_channels(const Tile& tile, const float* bias, int outputs) {
  for (int channel = 0; channel < outputs; channel += Lanes) {
    finish_tile<Lanes>(tile, bias, channel, std::min(Lanes, outputs - channel));
  }
}

// A panel's outputs of one row of M.
using Panel = Vector<kPanel>;

struct Product {
  const float* values;  // [rows, depth]
  size_t depth, tap_step;
  int rows, taps, inputs;
  const float* factors;  // [panel, tap, input, kPanel], panels panel_step apart
  size_t panel_step;
  float* sums;  // [rows, columns]
  size_t columns;
};

// `Rows` rows of V times `Panels` panels of U, taps tap_step apart in V.
template <int Rows, int Panels>
TUBECAM_ALWAYS_INLINE void multiply_rows(const Product& p, int row, size_t column) {
  const float* first_factor = p.factors + column / kPanel * p.panel_step;
  Panel sums[Rows][Panels] = {};
  for (int tap = 0; tap < p.taps; ++tap) {
    const float* factors = first_factor + size_t(tap) * p.inputs * kPanel;
    const float* value = p.values + size_t(row) * p.depth + tap * p.tap_step;
    const float* upper = value + (Rows > 3 ? Rows / 2 : 0) * p.depth;
    for (int input = 0; input < p.inputs; ++input, factors += kPanel, ++value, ++upper) {
      Panel factor[Panels];
      for (int i = 0; i < Panels; ++i) load(factor[i], factors + i * p.panel_step);
#pragma GCC unroll 12
      for (int k = 0; k < Rows; ++k) {
        const bool low = Rows <= 3 || k < Rows / 2;
        const float scalar = low ? value[k * p.depth] : upper[(k - Rows / 2) * p.depth];
        const Panel broadcast = scalar - Panel{};
        for (int i = 0; i < Panels; ++i) sums[k][i] += broadcast * factor[i];
      }
    }
  }
  float* to = p.sums + size_t(row) * p.columns + column;
  for (int k = 0; k < Rows; ++k) {
    for (int i = 0; i < Panels; ++i) store(to + k * p.columns + i * kPanel, sums[k][i]);
  }
}

// 1…Most rows at once.
template <int Most, int Panels>
TUBECAM_ALWAYS_INLINE void multiply_group(const Product& p, int row, int rows, size_t column) {
  if (rows == Most) {
    multiply_rows<Most, Panels>(p, row, column);
  } else if constexpr (Most > 1) {
    multiply_group<Most - 1, Panels>(p, row, rows, column);
  }
}

// Groups of at most `Most` rows that are as equal as possible: a small one would be slow.
template <int Most, int Panels>
TUBECAM_ALWAYS_INLINE void multiply_panels(const Product& p, int row, int end, size_t column) {
  for (int groups = (end - row + Most - 1) / Most; groups > 0; --groups) {
    const int rows = (end - row + groups - 1) / groups;
    multiply_group<Most, Panels>(p, row, rows, column);
    row += rows;
  }
}

constexpr int kChunk = 48;  // rows of V that stay in the L1 and L2 cache for all panels

// All sums of `Rows` rows and `Panels` panels stay in registers.
template <int Rows, int Panels>
TUBECAM_ALWAYS_INLINE void multiply_chunks(const Product& p) {
  for (int first = 0; first < p.rows; first += kChunk) {
    const int end = std::min(first + kChunk, p.rows);
    size_t column = 0;
    for (; column + Panels * kPanel <= p.columns; column += Panels * kPanel) {
      multiply_panels<Rows, Panels>(p, first, end, column);
    }
    if (column < p.columns) multiply_panels<Rows, 1>(p, first, end, column);
  }
}

// ---- for vectors of 8, and for those of 16 where there are ----

TUBECAM_MULTIVERSION void transform_patch(const Patch& patch, int depth, float* to,
                                          size_t component) {
  transform_channels<8>(patch, depth, to, component);
}
TUBECAM_MULTIVERSION void finish_outputs(const Tile& tile, const float* bias, int outputs) {
  finish_channels<8>(tile, bias, outputs);
}
// 16 registers of 8 values: 12 sums, 2 factors and a value.
TUBECAM_MULTIVERSION void multiply_matrices(const Product& p) { multiply_chunks<6, 1>(p); }

#ifdef TUBECAM_WIDE_TARGET
TUBECAM_WIDE_TARGET void transform_patch_wide(const Patch& patch, int depth, float* to,
                                              size_t component) {
  transform_channels<16>(patch, depth, to, component);
}
TUBECAM_WIDE_TARGET void finish_outputs_wide(const Tile& tile, const float* bias, int outputs) {
  finish_channels<16>(tile, bias, outputs);
}
// 32 registers of 16 values: 24 sums and 2 factors; values are broadcast from memory.
TUBECAM_WIDE_TARGET void multiply_matrices_wide(const Product& p) { multiply_chunks<12, 2>(p); }
#endif

struct Loops {
  void (*transform_patch)(const Patch& patch, int depth, float* to, size_t component);
  void (*multiply)(const Product& product);
  void (*finish)(const Tile& tile, const float* bias, int outputs);
};

const Loops& fastest() {
  static const Loops loops = [] {
#ifdef TUBECAM_WIDE_TARGET
    if (TUBECAM_HAS_WIDE())
      return Loops{transform_patch_wide, multiply_matrices_wide, finish_outputs_wide};
#endif
    return Loops{transform_patch, multiply_matrices, finish_outputs};
  }();
  return loops;
}

// The patch of a tile, with zeros where the convolution pads and behind the last input.
Patch copy_patch(const Block& block, const float* frame, int top, int left, float* stage) {
  const ConvolutionShape& shape = *block.shape;
  const size_t depth = size_t(block.depth), inputs = size_t(shape.inputs);
  std::fill_n(stage, kComponents * depth, 0.0f);
  for (int y = std::max(0, -top); y < std::min(kPatch, shape.in[1] - top); ++y) {
    for (int x = std::max(0, -left); x < std::min(kPatch, shape.in[2] - left); ++x) {
      const float* pixel = frame + (size_t(top + y) * shape.in[2] + (left + x)) * inputs;
      std::copy_n(pixel, inputs, stage + (y * kPatch + x) * depth);
    }
  }
  return {stage, kPatch * depth, depth};
}

}  // namespace

void transform_inputs(const Block& block, const float* input, int frame, int row, float* stage) {
  const ConvolutionShape& shape = *block.shape;
  const auto [t, h, w] = shape.in;
  const size_t inputs = size_t(shape.inputs), depth = size_t(block.depth);
  const float* pixels = input + size_t(frame) * h * w * inputs;
  float* to = block.transformed + (frame * block.frame_rows() + row * block.tiles_x) * depth;
  const int top = (block.first + row) * kTile - shape.pad[1];
  for (int tile = 0; tile < block.tiles_x; ++tile, to += depth) {
    const int left = tile * kTile - shape.pad[2];
    const bool inside = top >= 0 && left >= 0 && top + kPatch <= h && left + kPatch <= w;
    const Patch patch = inside && inputs == depth
                            ? Patch{pixels + (size_t(top) * w + left) * depth, w * depth, depth}
                            : copy_patch(block, pixels, top, left, stage);
    fastest().transform_patch(patch, block.depth, to, block.in_step);
  }
}

void multiply(const Block& block, const float* kernel, int component) {
  const ConvolutionShape& shape = *block.shape;
  const size_t depth = size_t(block.depth), columns = size_t(block.columns);
  const size_t panel = size_t(shape.kernel_t) * shape.inputs * kPanel;
  const float* values = block.transformed + component * block.in_step;
  const float* factors = kernel + component * (columns / kPanel) * panel;
  float* sums = block.products + component * block.out_step;
  // The taps that fall on frames, first and end, of an output frame.
  const auto taps = [&](int frame) {
    const int tap = frame - shape.pad[0];
    const int first = std::max(0, -tap);
    return std::array{first, std::max(first, std::min(shape.kernel_t, shape.in[0] - tap))};
  };
  for (int frame = 0, end; frame < shape.out[0]; frame = end) {
    const auto [first, last] = taps(frame);
    for (end = frame + 1; end < shape.out[0] && taps(end) == taps(frame); ++end) {
    }
    const size_t source = first == last ? 0 : size_t(frame + first - shape.pad[0]);
    fastest().multiply({values + source * block.frame_rows() * depth, depth,
                        block.frame_rows() * depth, int(block.frame_rows()) * (end - frame),
                        last - first, shape.inputs, factors + size_t(first) * shape.inputs * kPanel,
                        panel, sums + frame * block.frame_rows() * columns, columns});
  }
}

void transform_outputs(const Block& block, const Finish& finish, float* output, int frame,
                       int row) {
  const ConvolutionShape& shape = *block.shape;
  const auto [t, h, w] = shape.out;
  const size_t outputs = size_t(shape.outputs), columns = size_t(block.columns);
  const size_t tiles = frame * block.frame_rows() + row * block.tiles_x;
  const int top = (block.first + row) * kTile;
  for (int i = 0; i < block.tiles_x; ++i) {
    const size_t place = ((size_t(frame) * h + top) * w + i * kTile) * outputs;
    const Tile tile = {block.products + (tiles + i) * columns,
                       block.out_step,
                       std::min(kTile, h - top),
                       std::min(kTile, w - i * kTile),
                       w * outputs,
                       outputs,
                       output + place,
                       finish.residual ? finish.residual + place : nullptr,
                       finish.relu};
    fastest().finish(tile, finish.bias, shape.outputs);
  }
}

}  // namespace tubecam::winograd
