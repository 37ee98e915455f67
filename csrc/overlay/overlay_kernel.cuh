// The kernels of overlay_cuda.cu.
#pragma once

#include "base/cuda/kernel.cuh"
#include "overlay/blend/blend_math.h"
#include "overlay/heat/heat_math.h"
#include "overlay/heat/heat_table.h"
#include "overlay/overlay_cuda.h"

// Note [Heat on a GPU]
// Each block refines the whole plane in shared memory (7×7 cells become 25×25, in a microsecond),
// then blends many segments of the frame: 16 bytes of a row (48 of RGB) a thread, with heat
// bilinear between refined points and the CPU's table from heat to keep and add.

namespace tubecam {
namespace {

constexpr int kThreads = 256;

// A plane of the frame, and where its samples lie among the points (refined ones, or the cells of
// blocks): start + step·index.
struct HeatTarget {
  uint8_t* data;
  size_t frame_step;
  int stride, width, channels;
  int x_begin, x_end, y_begin, y_end;  // samples that may be drawn
  double x_start, x_step, y_start, y_step;
  double x_gap, y_gap;  // between blocks
  const ushort4 *still, *moving;
  int row_segments, first_segment, segments;
  bool aligned;
};

struct BlendLaunch {
  HeatTarget target[3];
  int targets, segments;
  const float *values, *next, *motion;
  size_t values_step;
  float part, scale;
  int h, w, rows, columns;
  bool blocks;  // see Note [Few cells]
  int first_hot;
  float* refined;  // [frames, refined_step]; nullptr: in shared memory
  size_t refined_step;
};

// Heat at the points, and motion or nullptr.
struct Refined {
  const float *heat, *motion;
};

struct RefineCells {
  const BlendLaunch& p;
  const float *values, *next, *motion;  // of this frame

  __device__ float heat(int i) const {
    const float value = next ? (1 - p.part) * values[i] + p.part * next[i] : values[i];
    return cell_heat(value, p.scale);
  }
  __device__ float moving(int i) const { return heat(i) * cell_motion(motion[i]); }
};

// Point `at` of `count` values, refined.
template <typename From>
__device__ __forceinline__ float refined_point(int count, int at, const From& from) {
  const int cell = at / kRefine, last = count - 1;
  const auto value = [&](int i) { return from(i < 0 ? 0 : i > last ? last : i); };
  return cubic_heat(value(cell - 1), value(cell), value(cell + 1), value(cell + 2),
                    float(at % kRefine) / kRefine);
}

// The whole block: [rows, columns] points from cells, by way of `coarse` [h, columns].
template <typename Cell>
__device__ void refine_grid(const BlendLaunch& p, const Cell& cell, float* coarse, float* grid) {
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  for (int i = thread; i < p.h * p.columns; i += threads) {
    const int y = i / p.columns;
    coarse[i] = refined_point(p.w, i % p.columns, [&](int x) { return cell(y * p.w + x); });
  }
  __syncthreads();
  for (int i = thread; i < p.rows * p.columns; i += threads) {
    const int x = i % p.columns;
    grid[i] = refined_point(p.h, i / p.columns, [&](int y) { return coarse[y * p.columns + x]; });
  }
  __syncthreads();
}

// The whole block: the cells as they are, or refined.
template <typename Cell>
__device__ void fill_grid(const BlendLaunch& p, const Cell& cell, float* coarse, float* grid) {
  if (!p.blocks) return refine_grid(p, cell, coarse, grid);
  for (int i = int(threadIdx.x); i < p.h * p.w; i += int(blockDim.x)) grid[i] = cell(i);
  __syncthreads();
}

// memory: coarse, heat, motion.
__device__ Refined refine(const BlendLaunch& p, float* memory) {
  const size_t frame = size_t(blockIdx.y) * p.values_step;
  const RefineCells cells{p, p.values + frame, p.next ? p.next + frame : nullptr,
                          p.motion ? p.motion + frame : nullptr};
  float *heat = memory + p.h * p.columns, *motion = heat + p.rows * p.columns;
  fill_grid(
      p, [&](int i) { return cells.heat(i); }, memory, heat);
  if (!p.motion) return {heat, nullptr};
  fill_grid(
      p, [&](int i) { return cells.moving(i); }, memory, motion);
  for (int i = int(threadIdx.x); i < p.rows * p.columns; i += int(blockDim.x))
    motion[i] = motion_share(motion[i], heat[i]);
  __syncthreads();
  return {heat, motion};
}

__global__ void refine_kernel(BlendLaunch p) { refine(p, p.refined + blockIdx.y * p.refined_step); }

// Bilinear along one row of samples: the two points on each side are mixed once a cell.
struct RowSampler {
  const float *upper, *lower;
  float share;
  int last;
  int cell = -1;
  float left = 0, right = 0;

  __device__ RowSampler(const float* grid, int columns, int upper_row, int lower_row, float share)
      : upper(grid + upper_row * columns),
        lower(grid + lower_row * columns),
        share(share),
        last(columns - 1) {}
  __device__ float between_rows(int i) const {
    const float value = upper[i] + share * (lower[i] - upper[i]);
    return value > 0 ? (value < 1 ? value : 1.0f) : 0.0f;
  }
  __device__ float at(float place) {
    place = place > 0 ? (place < last ? place : float(last)) : 0.0f;
    const int low = int(place);
    if (low != cell) {
      cell = low;
      left = between_rows(low);
      right = between_rows(low < last ? low + 1 : last);
    }
    return left + (place - low) * (right - left);
  }
};

// The points between which a row of samples lies; upper < 0: in a gap between blocks.
struct SampleRow {
  int upper, lower;
  float share;
};

__device__ __forceinline__ SampleRow find_row(const BlendLaunch& p, const HeatTarget& target,
                                              int y) {
  double row = target.y_start + target.y_step * y;
  if (p.blocks) {
    const int block = block_at(row, p.rows, target.y_gap);
    return {block, block, 0};
  }
  row = row > 0 ? (row < p.rows - 1 ? row : p.rows - 1) : 0;
  const int upper = int(row);
  return {upper, upper + 1 < p.rows ? upper + 1 : upper, float(row - upper)};
}

constexpr float kBetweenBlocks = -1e9f;

// Where the samples from x on lie among the points.
struct SampleColumns {
  const BlendLaunch& p;
  const HeatTarget& target;
  int x;
  float start, step;

  __device__ SampleColumns(const BlendLaunch& p, const HeatTarget& target, int x)
      : p(p),
        target(target),
        x(x),
        start(float(target.x_start + target.x_step * x)),
        step(float(target.x_step)) {}
  __device__ __forceinline__ float at(int i) const {
    if (!p.blocks) return start + step * i;
    const int block = block_at(target.x_start + target.x_step * (x + i), p.columns, target.x_gap);
    return block < 0 ? kBetweenBlocks : float(block);
  }
};

// Samples of a thread: 16 bytes of a row, 48 of RGB.
template <int kChannels>
constexpr int kSamples = kChannels == 3 ? 16 : 16 / kChannels;

__device__ __forceinline__ unsigned mixed(unsigned still, unsigned moving, int share) {
  return unsigned(int(still) + ((int(moving) - int(still)) * share >> 15));
}

// The bytes of a segment in registers.
template <int kBytes>
struct Segment {
  unsigned word[kBytes / 4];

  __device__ __forceinline__ void load(const uint8_t* from, bool whole, int bytes) {
    if (whole) {
      for (int i = 0; i < kBytes / 16; ++i) {
        const uint4 four = reinterpret_cast<const uint4*>(from)[i];
        word[4 * i] = four.x, word[4 * i + 1] = four.y;
        word[4 * i + 2] = four.z, word[4 * i + 3] = four.w;
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < kBytes; ++i) {
      if (i % 4 == 0) word[i / 4] = 0;
      if (i < bytes) word[i / 4] |= unsigned(from[i]) << (i % 4 * 8);
    }
  }
  __device__ __forceinline__ void store(uint8_t* to, bool whole, int bytes) const {
    if (whole) {
      for (int i = 0; i < kBytes / 16; ++i)
        reinterpret_cast<uint4*>(to)[i] = {word[4 * i], word[4 * i + 1], word[4 * i + 2],
                                           word[4 * i + 3]};
      return;
    }
#pragma unroll
    for (int i = 0; i < kBytes; ++i)
      if (i < bytes) to[i] = uint8_t(word[i / 4] >> (i % 4 * 8));
  }
  __device__ __forceinline__ void blend(int i, unsigned keep, unsigned add) {
    const int shift = i % 4 * 8;
    const unsigned byte = word[i / 4] >> shift & 255;
    word[i / 4] = (word[i / 4] & ~(255u << shift)) | blend_byte(byte, keep, add) << shift;
  }
};

// The colour of an entry, from still to moving.
__device__ __forceinline__ ushort4 colour_of(const HeatTarget& target, int entry, float motion) {
  ushort4 colour = __ldg(target.still + entry);
  const ushort4 moving = __ldg(target.moving + entry);
  const int part = int(motion * 32768);
  colour.y = static_cast<unsigned short>(mixed(colour.y, moving.y, part));
  colour.z = static_cast<unsigned short>(mixed(colour.z, moving.z, part));
  colour.w = static_cast<unsigned short>(mixed(colour.w, moving.w, part));
  return colour;
}

template <int kChannels>
__device__ void blend_segment(const BlendLaunch& p, const HeatTarget& target, int segment,
                              const Refined& refined) {
  constexpr int kCount = kSamples<kChannels>, kBytes = kCount * kChannels;
  const int y = target.y_begin + segment / target.row_segments;
  const int x = (target.x_begin / kCount + segment % target.row_segments) * kCount;
  const SampleRow row = find_row(p, target, y);
  if (row.upper < 0) return;
  RowSampler heat(refined.heat, p.columns, row.upper, row.lower, row.share);
  const SampleColumns columns(p, target, x);

  int entry[kCount];
  bool hot = false;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const float at = columns.at(i), value = heat.at(at);
    const bool inside = x + i >= target.x_begin && x + i < target.x_end && at != kBetweenBlocks;
    entry[i] = inside ? int(value * (HeatTable::kEntries - 1) + 0.5f) : -1;
    hot |= entry[i] >= p.first_hot;
  }
  if (!hot) return;

  const int left = (target.width - x) * kChannels;  // bytes to the row's end
  const bool whole = target.aligned && left >= kBytes;
  uint8_t* place = target.data + blockIdx.y * target.frame_step + size_t(y) * target.stride +
                   size_t(x) * kChannels;
  Segment<kBytes> bytes;
  bytes.load(place, whole, left);
  RowSampler motion(refined.motion, p.columns, row.upper, row.lower, row.share);
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (entry[i] < p.first_hot) continue;
    const ushort4 what = refined.motion ? colour_of(target, entry[i], motion.at(columns.at(i)))
                                        : __ldg(target.still + entry[i]);
    bytes.blend(i * kChannels, what.x, what.y);
    if (kChannels > 1) bytes.blend(i * kChannels + 1, what.x, what.z);
    if (kChannels > 2) bytes.blend(i * kChannels + 2, what.x, what.w);
  }
  bytes.store(place, whole, left);
}

__global__ void __launch_bounds__(kThreads, 2) blend_kernel(BlendLaunch p) {
  Refined refined;
  if (p.refined) {
    const float* heat = p.refined + blockIdx.y * p.refined_step + p.h * p.columns;
    refined = {heat, p.motion ? heat + p.rows * p.columns : nullptr};
  } else {
    refined = refine(p, reinterpret_cast<float*>(shared_memory()));
  }
  const int threads = int(gridDim.x * blockDim.x);
  for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < p.segments; i += threads) {
    const int plane = p.targets > 2 && i >= p.target[2].first_segment   ? 2
                      : p.targets > 1 && i >= p.target[1].first_segment ? 1
                                                                        : 0;
    const HeatTarget& target = p.target[plane];
    const int segment = i - target.first_segment;
    if (target.channels == 1)
      blend_segment<1>(p, target, segment, refined);
    else if (target.channels == 2)
      blend_segment<2>(p, target, segment, refined);
    else if (target.channels == 3)
      blend_segment<3>(p, target, segment, refined);
    else
      blend_segment<4>(p, target, segment, refined);
  }
}

}  // namespace
}  // namespace tubecam
