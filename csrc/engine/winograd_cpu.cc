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

constexpr int kRows = 6;  // of V that meet a panel: 12 sums, 2 factors and a value in 16 registers

// `Rows` rows of V times a panel of U, taps `tap_step` apart in V.
template <int Rows>
TUBECAM_ALWAYS_INLINE void multiply_rows(const float* values, size_t depth, size_t tap_step,
                                         int taps, int inputs, const float* factors, float* sums,
                                         size_t columns) {
  Vector low[Rows] = {}, high[Rows] = {};
  for (int tap = 0; tap < taps; ++tap) {
    const float* value = values + tap * tap_step;
    const float* value3 = value + (Rows > 3 ? 3 : 0) * depth;
    for (int input = 0; input < inputs; ++input, factors += kPanel, ++value, ++value3) {
      const Vector factor0 = load(factors), factor1 = load(factors + kVector);
#pragma GCC unroll 6
      for (int row = 0; row < Rows; ++row) {
        const float scalar = row < 3 ? value[row * depth] : value3[(row - 3) * depth];
        const Vector broadcast = scalar - Vector{};
        low[row] += broadcast * factor0;
        high[row] += broadcast * factor1;
      }
    }
  }
  for (int row = 0; row < Rows; ++row) {
    at(sums + row * columns) = low[row];
    at(sums + row * columns + kVector) = high[row];
  }
}

constexpr int kChunk = 8 * kRows;  // rows of V that stay in the L1 and L2 cache for all panels

struct Product {
  const float* values;  // [rows, depth]
  size_t depth, tap_step;
  int rows, taps, inputs;
  const float* factors;  // [panel, tap, input, 16]
  float* sums;           // [rows, columns]
  size_t columns;
};

template <int Rows>
TUBECAM_ALWAYS_INLINE void multiply_rows(const Product& p, int row, size_t column) {
  const float* factors = p.factors + column * p.taps * p.inputs;
  multiply_rows<Rows>(p.values + size_t(row) * p.depth, p.depth, p.tap_step, p.taps, p.inputs,
                      factors, p.sums + size_t(row) * p.columns + column, p.columns);
}

TUBECAM_MULTIVERSION void multiply_matrices(const Product& p) {
  for (int first = 0; first < p.rows; first += kChunk) {
    const int end = std::min(first + kChunk, p.rows);
    for (size_t column = 0; column < p.columns; column += kPanel) {
      int row = first;
      for (; row + kRows <= end; row += kRows) multiply_rows<kRows>(p, row, column);
      switch (end - row) {
        case 1:
          multiply_rows<1>(p, row, column);
          break;
        case 2:
          multiply_rows<2>(p, row, column);
          break;
        case 3:
          multiply_rows<3>(p, row, column);
          break;
        case 4:
          multiply_rows<4>(p, row, column);
          break;
        case 5:
          multiply_rows<5>(p, row, column);
          break;
        default:
          break;
      }
    }
  }
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
  multiply_matrices({block.transformed + component * block.in_rows * depth, depth, frame * depth,
                     int(frame) * shape.out[0], shape.kernel_t, shape.inputs,
                     kernel + component * steps * block.columns,
                     block.products + component * block.out_rows * block.columns,
                     size_t(block.columns)});
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
