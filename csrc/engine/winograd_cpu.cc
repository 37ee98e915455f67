#include <algorithm>
#include <cstring>

#include "base/macros.h"
#include "engine/winograd_block.h"

namespace tubecam::winograd {
namespace {

typedef float Vector __attribute__((vector_size(kVector * sizeof(float)), aligned(4), may_alias));

#define TUBECAM_ALWAYS_INLINE inline __attribute__((always_inline))

TUBECAM_ALWAYS_INLINE const Vector& load(const float* p) {
  return *reinterpret_cast<const Vector*>(p);
}
TUBECAM_ALWAYS_INLINE Vector& at(float* p) { return *reinterpret_cast<Vector*>(p); }

// Rows and columns of 8×8 values change places.
TUBECAM_ALWAYS_INLINE void transpose(Vector* v) {
  typedef int Places __attribute__((vector_size(kVector * sizeof(int))));
  constexpr Places kLow = {0, 8, 1, 9, 4, 12, 5, 13}, kHigh = {2, 10, 3, 11, 6, 14, 7, 15};
  constexpr Places kEven = {0, 1, 8, 9, 4, 5, 12, 13}, kOdd = {2, 3, 10, 11, 6, 7, 14, 15};
  constexpr Places kFirst = {0, 1, 2, 3, 8, 9, 10, 11}, kSecond = {4, 5, 6, 7, 12, 13, 14, 15};
  Vector pair[8], quad[8];
  for (int i = 0; i < 8; i += 2) {
    pair[i] = __builtin_shuffle(v[i], v[i + 1], kLow);
    pair[i + 1] = __builtin_shuffle(v[i], v[i + 1], kHigh);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      quad[i + 2 * j] = __builtin_shuffle(pair[i + j], pair[i + 2 + j], kEven);
      quad[i + 2 * j + 1] = __builtin_shuffle(pair[i + j], pair[i + 2 + j], kOdd);
    }
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = __builtin_shuffle(quad[i], quad[i + 4], kFirst);
    v[i + 4] = __builtin_shuffle(quad[i], quad[i + 4], kSecond);
  }
}

// Planes [channels, width] to pixels [width, channels], `plane` and `stride` values apart.
TUBECAM_MULTIVERSION void interleave(const float* planes, size_t plane, int channels, int width,
                                     float* pixels, size_t stride) {
  const int whole = channels / kVector * kVector, wide = width / kVector * kVector;
  for (int channel = 0; channel < whole; channel += kVector) {
    const float* from = planes + size_t(channel) * plane;
    float* to = pixels + channel;
    for (int x = 0; x < wide; x += kVector) {
      Vector v[kVector];
      for (int k = 0; k < kVector; ++k) v[k] = load(from + size_t(k) * plane + x);
      transpose(v);
      for (int k = 0; k < kVector; ++k) at(to + size_t(x + k) * stride) = v[k];
    }
    for (int x = wide; x < width; ++x) {
      for (int k = 0; k < kVector; ++k) to[size_t(x) * stride + k] = from[size_t(k) * plane + x];
    }
  }
  for (int channel = whole; channel < channels; ++channel) {
    const float* from = planes + size_t(channel) * plane;
    for (int x = 0; x < width; ++x) pixels[size_t(x) * stride + channel] = from[x];
  }
}

// NaN stays.
TUBECAM_ALWAYS_INLINE float finished(float sum, const float* residual, bool relu) {
  const float value = residual ? sum + *residual : sum;
  return relu && value < 0 ? 0.0f : value;
}

// The way back, with what finishes a sum.
TUBECAM_MULTIVERSION void separate(const float* pixels, size_t stride, int channels, int width,
                                   const float* residual, bool relu, float* planes, size_t plane) {
  const int whole = channels / kVector * kVector, wide = width / kVector * kVector;
  for (int channel = 0; channel < channels; ++channel) {
    const size_t offset = size_t(channel) * plane;
    const bool vectors = channel % kVector == 0 && channel < whole;
    for (int x = 0; vectors && x < wide; x += kVector) {
      Vector v[kVector];
      for (int k = 0; k < kVector; ++k) v[k] = load(pixels + size_t(x + k) * stride + channel);
      transpose(v);
      for (int k = 0; k < kVector; ++k) {
        const size_t place = offset + size_t(k) * plane + x;
        if (residual) v[k] += load(residual + place);
        if (relu) v[k] = v[k] < 0 ? Vector{} : v[k];
        at(planes + place) = v[k];
      }
    }
    for (int x = channel < whole ? wide : 0; x < width; ++x) {
      planes[offset + x] = finished(pixels[size_t(x) * stride + channel],
                                    residual ? residual + offset + x : nullptr, relu);
    }
  }
}

// Six rows of pixels, channels side by side, → the 36 components of each tile.
TUBECAM_MULTIVERSION void transform_patches(const float* stage, int tiles, int depth, float* to,
                                            size_t component) {
  const size_t width = size_t(tiles) * kTile + 2;
  for (int tile = 0; tile < tiles; ++tile) {
    for (int channel = 0; channel < depth; channel += kVector) {
      Vector half[kComponents], row[kPatch];
      for (int x = 0; x < kPatch; ++x) {
        for (int y = 0; y < kPatch; ++y) {
          row[y] = load(stage + (y * width + tile * kTile + x) * depth + channel);
        }
        transform_input(row, 1, half + x, kPatch);
      }
      float* place = to + size_t(tile) * depth + channel;
      for (int y = 0; y < kPatch; ++y) {
        transform_input(half + kPatch * y, 1, row, 1);
        for (int x = 0; x < kPatch; ++x) at(place + (y * kPatch + x) * component) = row[x];
      }
    }
  }
}

// The 36 products of each tile → four rows of pixels, channels side by side.
TUBECAM_MULTIVERSION void transform_products(const float* products, size_t component, int tiles,
                                             int columns, const float* bias, float* stage) {
  const size_t width = size_t(tiles) * kTile;
  for (int tile = 0; tile < tiles; ++tile) {
    for (int channel = 0; channel < columns; channel += kVector) {
      const float* place = products + size_t(tile) * columns + channel;
      Vector half[kTile * kPatch], column[kPatch];
      for (int x = 0; x < kPatch; ++x) {
        for (int y = 0; y < kPatch; ++y) column[y] = load(place + (y * kPatch + x) * component);
        transform_output(column, 1, half + x, kPatch);
      }
      for (int y = 0; y < kTile; ++y) {
        transform_output(half + kPatch * y, 1, column, 1);
        for (int x = 0; x < kTile; ++x) {
          at(stage + (y * width + tile * kTile + x) * columns + channel) =
              column[x] + load(bias + channel);
        }
      }
    }
  }
}

// A panel's outputs of one row of M.
typedef float Panel __attribute__((vector_size(kPanel * sizeof(float)), aligned(4), may_alias));

struct Product {
  const float* values;  // [rows, depth]
  size_t depth, tap_step;
  int rows, taps, inputs;
  const float* factors;  // [panel, tap, input, kPanel]
  float* sums;           // [rows, columns]
  size_t columns;
};

// `Rows` rows of V times `Panels` panels of U, taps tap_step apart in V.
template <int Rows, int Panels>
TUBECAM_ALWAYS_INLINE void multiply_rows(const Product& p, int row, size_t column) {
  const size_t panel = size_t(p.taps) * p.inputs * kPanel;
  const float* factors = p.factors + column / kPanel * panel;
  Panel sums[Rows][Panels] = {};
  for (int tap = 0; tap < p.taps; ++tap) {
    const float* value = p.values + size_t(row) * p.depth + tap * p.tap_step;
    const float* upper = value + (Rows > 3 ? Rows / 2 : 0) * p.depth;
    for (int input = 0; input < p.inputs; ++input, factors += kPanel, ++value, ++upper) {
      Panel factor[Panels];
      for (int i = 0; i < Panels; ++i) {
        factor[i] = *reinterpret_cast<const Panel*>(factors + i * panel);
      }
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
    for (int i = 0; i < Panels; ++i) {
      *reinterpret_cast<Panel*>(to + k * p.columns + i * kPanel) = sums[k][i];
    }
  }
}

// Whole groups of `Rows`, then what is left by halves.
template <int Rows, int Panels>
TUBECAM_ALWAYS_INLINE void multiply_panels(const Product& p, int row, int end, size_t column) {
  for (; row + Rows <= end; row += Rows) multiply_rows<Rows, Panels>(p, row, column);
  if constexpr (Rows > 6) {
    if (row + 6 <= end) {
      multiply_rows<6, Panels>(p, row, column);
      row += 6;
    }
  }
  if (row + 3 <= end) {
    multiply_rows<3, Panels>(p, row, column);
    row += 3;
  }
  for (; row < end; ++row) multiply_rows<1, Panels>(p, row, column);
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

// 16 registers of 8 values: 12 sums, 2 factors and a value.
TUBECAM_MULTIVERSION void multiply_matrices(const Product& p) { multiply_chunks<6, 1>(p); }

#ifdef TUBECAM_WIDE_TARGET
// 32 registers of 16 values: 24 sums and 2 factors; values are broadcast from memory.
TUBECAM_WIDE_TARGET void multiply_matrices_wide(const Product& p) { multiply_chunks<12, 2>(p); }
#endif

using MultiplyMatrices = void(const Product&);

MultiplyMatrices* fastest_product() {
#ifdef TUBECAM_WIDE_TARGET
  if (TUBECAM_HAS_WIDE()) return multiply_matrices_wide;
#endif
  return multiply_matrices;
}

}  // namespace

void transform_inputs(const Block& block, const float* input, int frame, int row, float* stage) {
  const ConvolutionShape& shape = *block.shape;
  const auto [t, h, w] = shape.in;
  const size_t depth = size_t(block.depth), width = size_t(block.tiles_x) * kTile + 2;
  const size_t at_row = (size_t(frame) * block.rows + row) * block.tiles_x;
  float* to = block.transformed + at_row * depth;
  const int source = frame - shape.pad[0];
  if (source < 0 || source >= t) {
    for (size_t c = 0; c < kComponents; ++c) {
      std::memset(to + c * block.in_rows * depth, 0, block.tiles_x * depth * sizeof(float));
    }
    return;
  }
  const size_t plane = size_t(t) * h * w;
  const int left = std::min(shape.pad[2], int(width));
  const int inside = std::clamp(int(width) - left, 0, w);
  for (int i = 0; i < kPatch; ++i) {
    const int y = (block.first + row) * kTile - shape.pad[1] + i;
    const bool empty = y < 0 || y >= h;
    float* pixels = stage + i * width * depth;
    if (empty || shape.inputs < block.depth) std::fill_n(pixels, width * depth, 0.0f);
    if (empty) continue;
    std::fill_n(pixels, left * depth, 0.0f);
    std::fill(pixels + (left + inside) * depth, pixels + width * depth, 0.0f);
    interleave(input + (size_t(source) * h + y) * w, plane, shape.inputs, inside,
               pixels + left * depth, depth);
  }
  transform_patches(stage, block.tiles_x, block.depth, to, block.in_rows * depth);
}

void multiply(const Block& block, const float* kernel, int component) {
  const ConvolutionShape& shape = *block.shape;
  const size_t frame = size_t(block.rows) * block.tiles_x, depth = size_t(block.depth);
  const size_t steps = size_t(shape.kernel_t) * shape.inputs;
  static MultiplyMatrices* const product = fastest_product();
  product({block.transformed + component * block.in_rows * depth, depth, frame * depth,
           int(frame) * shape.out[0], shape.kernel_t, shape.inputs,
           kernel + component * steps * block.columns,
           block.products + component * block.out_rows * block.columns, size_t(block.columns)});
}

void transform_outputs(const Block& block, const Finish& finish, float* output, int frame, int row,
                       float* stage) {
  const ConvolutionShape& shape = *block.shape;
  const auto [t, h, w] = shape.out;
  const size_t at_row = (size_t(frame) * block.rows + row) * block.tiles_x;
  const size_t columns = size_t(block.columns), width = size_t(block.tiles_x) * kTile;
  transform_products(block.products + at_row * columns, block.out_rows * columns, block.tiles_x,
                     block.columns, finish.bias, stage);
  const int y = (block.first + row) * kTile;
  for (int i = 0; i < std::min(kTile, h - y); ++i) {
    const size_t offset = (size_t(frame) * h + y + i) * w;
    separate(stage + i * width * columns, columns, shape.outputs, w,
             finish.residual ? finish.residual + offset : nullptr, finish.relu, output + offset,
             size_t(t) * h * w);
  }
}

}  // namespace tubecam::winograd
