// The kernel of cam3d_cuda.cu.
#pragma once

#include <cmath>

#include "base/cuda/kernel.cuh"
#include "explain/methods/cam3d_cuda.h"
#include "explain/methods/cam3d_math.h"
#include "explain/tube/tube_math.h"

// Note [One launch]
// A block takes some channels of one clip. It pools their gradient, a warp a channel, into weights
// in shared memory, then adds weight·activation over its channels, a thread a few cells, and leaves
// a partial tube. The last block of a group to arrive adds up the group's partial tubes, the last
// group the groups', and finishes the clip: tube, statistics, curve. Who is last varies; the order
// of every sum does not.

namespace tubecam {
namespace {

using cam3d_math::alpha;
using cam3d_math::ratio_or_zero;
using cam3d_math::relu;

constexpr int kMaxThreads = 256;
constexpr int kMaxWarps = kMaxThreads / kWarp;

struct CamLaunch {
  CamMethod method;
  const void *activation, *gradient, *weight;
  DType weight_dtype;
  int channels, cells, t;
  int frames;  // weights a channel: t with gradcam-frame, else 1
  int curve_length;
  double time_stride, time_offset;

  int block_channels, tile;
  int blocks, group_blocks, groups;  // of a clip
  int tickets;                       // of a clip
  unsigned* ticket;                  // [N, tickets]
  float* partial;                    // [N, blocks, cells]
  float* group_sum;                  // [N, groups, cells]
  char* results;
  size_t result_bytes;
};

// What a thread has seen of a tube.
struct Seen {
  double sum;
  float min, max;
  int peak, finite;
};

struct Scratch {
  Seen seen[kMaxWarps];
  int last;
};

__device__ __forceinline__ float* shared_weights() {
  return reinterpret_cast<float*>(shared_memory() + (sizeof(Scratch) + 15) / 16 * 16);
}

__device__ float load_weight(const CamLaunch& p, size_t i) {
  if (p.weight_dtype == DType::kFloat32) return static_cast<const float*>(p.weight)[i];
  if (p.weight_dtype == DType::kFloat16) return to_float(static_cast<const __half*>(p.weight)[i]);
  return to_float(static_cast<const __nv_bfloat16*>(p.weight)[i]);
}

// Σ f(values) over a warp's lanes; f takes the index of kCount values and returns their part.
template <int kCount, typename Real, typename F>
__device__ __forceinline__ Real warp_total(int count, const F& f) {
  Real total = 0;
  for (int i = int(threadIdx.x) % kWarp * kCount; i < count; i += kWarp * kCount) total += f(i);
  return warp_sum(total);
}

template <typename Real, typename T, int kCount>
__device__ __forceinline__ Real warp_sum_of(const T* values, int count) {
  return warp_total<kCount, Real>(count, [=](int i) {
    const auto x = load_vector<T, kCount>(values + i);
    Real part = 0;
    for (int j = 0; j < kCount; ++j) part += Real(to_float(x.value[j]));
    return part;
  });
}

// The weight of a channel whose gradient is weight/n everywhere.
template <typename T, int kCount>
__device__ float closed_weight(CamMethod method, float weight, const T* a, int n) {
  if (!is_finite(weight)) return NAN;
  switch (method) {
    case CamMethod::kLayerCam:
      return relu(weight) / n;
    case CamMethod::kGradCamPlusPlus: {
      const double g = double(weight) / n;
      return float(alpha(g, warp_sum_of<double, T, kCount>(a, n)) * relu(g));
    }
    case CamMethod::kXGradCam:
      return warp_sum_of<double, T, kCount>(a, n) == 0 ? 0 : weight / n;
    default:
      return weight / n;
  }
}

template <typename T, int kCount>
__device__ float plus_plus_weight(const T* g, const T* a, int n) {
  const float total = float(warp_sum_of<double, T, kCount>(a, n));
  const float sum = warp_total<kCount, float>(n, [=](int i) {
    const auto x = load_vector<T, kCount>(g + i);
    float part = 0;
    for (int j = 0; j < kCount; ++j) {
      const float value = to_float(x.value[j]);
      part += alpha(value, total) * relu(value);
    }
    return is_finite(part) ? part : NAN;
  });
  return sum / n;
}

template <typename T, int kCount>
__device__ float axiom_weight(const T* g, const T* a, int n) {
  const double product = warp_total<kCount, double>(n, [=](int i) {
    const auto x = load_vector<T, kCount>(g + i);
    const auto y = load_vector<T, kCount>(a + i);
    double part = 0;
    for (int j = 0; j < kCount; ++j) part += double(to_float(x.value[j])) * to_float(y.value[j]);
    return part;
  });
  const double weight = ratio_or_zero(product, warp_sum_of<double, T, kCount>(a, n));
  return product - product == 0 ? float(weight) : NAN;
}

// The weights of `count` channels from `channel` on: a warp a weight.
template <typename T, int kCount>
__device__ void find_weights(const CamLaunch& p, const T* a, const T* g, int channel, int count) {
  const int warps = int(blockDim.x) / kWarp, n = p.cells / p.frames;
  const size_t clip_channel = size_t(blockIdx.y) * p.channels + channel;
  for (int item = int(threadIdx.x) / kWarp; item < count * p.frames; item += warps) {
    const size_t start = (clip_channel * p.frames + item) * n;
    float weight;
    if (!p.gradient)
      weight = p.weight ? closed_weight<T, kCount>(p.method, load_weight(p, clip_channel + item),
                                                   a + start, n)
                        : 1;
    else if (p.method == CamMethod::kGradCamPlusPlus)
      weight = plus_plus_weight<T, kCount>(g + start, a + start, n);
    else if (p.method == CamMethod::kXGradCam)
      weight = axiom_weight<T, kCount>(g + start, a + start, n);
    else
      weight = warp_sum_of<float, T, kCount>(g + start, n) / n;
    if (threadIdx.x % kWarp == 0) shared_weights()[item] = weight;
  }
}

// Adds `count` channels to the cells cell … cell + kCount − 1 of the partial tube.
template <typename T, int kCount>
__device__ __forceinline__ void add_channels(const CamLaunch& p, const T* a, const T* g, int count,
                                             int cell, bool first, float* partial) {
  Vector<float, kCount> sum;
  for (int j = 0; j < kCount; ++j) sum.value[j] = first ? 0 : partial[cell + j];
  const float* weights = shared_weights();
  if (g) {  // HiResCAM, LayerCAM
    const bool rectify = p.method == CamMethod::kLayerCam;
#pragma unroll 4
    for (int k = 0; k < count; ++k) {
      const auto x = load_vector<T, kCount>(a + size_t(k) * p.cells + cell);
      const auto y = load_vector<T, kCount>(g + size_t(k) * p.cells + cell);
      for (int j = 0; j < kCount; ++j) {
        const float gradient = to_float(y.value[j]);
        sum.value[j] += (rectify ? relu(gradient) : gradient) * to_float(x.value[j]);
      }
    }
  } else if (p.frames == 1) {
#pragma unroll 8
    for (int k = 0; k < count; ++k) {
      const auto x = load_vector<T, kCount>(a + size_t(k) * p.cells + cell);
      for (int j = 0; j < kCount; ++j) sum.value[j] += weights[k] * to_float(x.value[j]);
    }
  } else {
    const int plane = p.cells / p.frames;
    int frame[kCount];
    for (int j = 0; j < kCount; ++j) frame[j] = (cell + j) / plane;
#pragma unroll 4
    for (int k = 0; k < count; ++k) {
      const auto x = load_vector<T, kCount>(a + size_t(k) * p.cells + cell);
      for (int j = 0; j < kCount; ++j)
        sum.value[j] += weights[k * p.frames + frame[j]] * to_float(x.value[j]);
    }
  }
  for (int j = 0; j < kCount; ++j) partial[cell + j] = sum.value[j];
}

// True in all threads of the block that arrives last of `count`; what the others wrote before is
// then there to read (__ldcg: not from this processor's own cache).
__device__ bool arrives_last(unsigned* ticket, unsigned count) {
  Scratch& scratch = *reinterpret_cast<Scratch*>(shared_memory());
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    scratch.last = atomicAdd(ticket, 1) == count - 1;
    if (scratch.last) *ticket = 0;
    __threadfence();
  }
  __syncthreads();
  return scratch.last != 0;
}

// Σ of `count` partial tubes at one cell, in their order.
__device__ __forceinline__ float sum_partials(const float* partial, int cells, int count,
                                              int cell) {
  float sum = 0;
#pragma unroll 8
  for (int i = 0; i < count; ++i) sum += __ldcg(partial + size_t(i) * cells + cell);
  return sum;
}

__device__ __forceinline__ void merge(Seen& seen, const Seen& other) {
  seen.sum += other.sum;
  seen.min = other.min < seen.min ? other.min : seen.min;
  if (other.max > seen.max || (other.max == seen.max && other.peak < seen.peak)) {
    seen.max = other.max;
    seen.peak = other.peak;
  }
  seen.finite &= other.finite;
}

__device__ Seen block_seen(Seen seen) {
  Scratch& scratch = *reinterpret_cast<Scratch*>(shared_memory());
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    Seen other;
    other.sum = __shfl_xor_sync(kWholeWarp, seen.sum, lanes);
    other.min = __shfl_xor_sync(kWholeWarp, seen.min, lanes);
    other.max = __shfl_xor_sync(kWholeWarp, seen.max, lanes);
    other.peak = __shfl_xor_sync(kWholeWarp, seen.peak, lanes);
    other.finite = __shfl_xor_sync(kWholeWarp, seen.finite, lanes);
    merge(seen, other);
  }
  if (threadIdx.x % kWarp == 0) scratch.seen[threadIdx.x / kWarp] = seen;
  __syncthreads();
  seen = scratch.seen[0];
  for (int i = 1; i < int(blockDim.x) / kWarp; ++i) merge(seen, scratch.seen[i]);
  return seen;
}

// curve: Σ over h, w at each sampled frame. The block has just written the tube.
__device__ void write_curve(const CamLaunch& p, const float* tube, float* curve) {
  double* sums = reinterpret_cast<double*>(shared_weights());  // [t]
  const int plane = p.cells / p.t, lane = int(threadIdx.x) % kWarp;
  for (int i = int(threadIdx.x) / kWarp; i < p.t; i += int(blockDim.x) / kWarp) {
    double sum = 0;
    for (int j = lane; j < plane; j += kWarp) sum += double(tube[size_t(i) * plane + j]);
    sum = warp_sum(sum);
    if (lane == 0) sums[i] = sum;
  }
  __syncthreads();
  for (int slice = int(threadIdx.x); slice < p.curve_length; slice += int(blockDim.x)) {
    const Between at = between(slice, p.time_stride, p.time_offset, p.t);
    curve[slice] = float((1 - double(at.part)) * sums[at.low] + double(at.part) * sums[at.high]);
  }
}

// The clip's result from `count` partial tubes.
__device__ void finish_clip(const CamLaunch& p, const float* partial, int count) {
  char* result = p.results + blockIdx.y * p.result_bytes;
  auto* head = reinterpret_cast<CamResultHead*>(result);
  auto* curve = reinterpret_cast<float*>(head + 1);
  float* tube = curve + p.curve_length;
  const bool rectify = p.method != CamMethod::kCam && p.method != CamMethod::kHiResCam;
  Seen seen{0, INFINITY, -INFINITY, p.cells, 1};
  for (int cell = int(threadIdx.x); cell < p.cells; cell += int(blockDim.x)) {
    const float relevance = sum_partials(partial, p.cells, count, cell);
    const float value = rectify ? relu(relevance) : relevance;
    tube[cell] = value;
    merge(seen, {relevance, value, value, cell, is_finite(relevance) && is_finite(value)});
  }
  seen = block_seen(seen);
  if (!seen.finite) {
    for (int cell = int(threadIdx.x); cell < p.cells; cell += int(blockDim.x)) tube[cell] = 0;
    seen = {0, 0, 0, 0, 0};
  }
  __syncthreads();
  write_curve(p, tube, curve);
  if (threadIdx.x == 0) *head = {seen.sum, seen.min, seen.max, seen.peak, seen.finite, {0, 0}};
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kMaxThreads, 3) cam3d_kernel(CamLaunch p) {
  const int block = int(blockIdx.x), begin = block * p.block_channels;
  const int end = begin + p.block_channels < p.channels ? begin + p.block_channels : p.channels;
  const size_t clip = blockIdx.y;
  const T* a = static_cast<const T*>(p.activation);
  const T* g = static_cast<const T*>(p.gradient);
  const bool pooled = !g || (p.method != CamMethod::kHiResCam && p.method != CamMethod::kLayerCam);
  float* partial = p.partial + clip * p.blocks * p.cells;
  float* own = partial + size_t(block) * p.cells;
  for (int channel = begin; channel < end; channel += p.tile) {
    const int count = end - channel < p.tile ? end - channel : p.tile;
    if (pooled) {
      __syncthreads();  // the weights before these were read
      if (p.frames == 1)
        find_weights<T, kCount>(p, a, g, channel, count);
      else
        find_weights<T, 1>(p, a, g, channel, count);
      __syncthreads();
    }
    const size_t start = (clip * p.channels + channel) * p.cells;
    for (int cell = int(threadIdx.x) * kCount; cell < p.cells; cell += int(blockDim.x) * kCount)
      add_channels<T, kCount>(p, a + start, pooled ? nullptr : g + start, count, cell,
                              channel == begin, own);
  }

  unsigned* tickets = p.ticket + clip * p.tickets;
  const int group = block / p.group_blocks, first = group * p.group_blocks;
  const int members = p.blocks - first < p.group_blocks ? p.blocks - first : p.group_blocks;
  if (!arrives_last(tickets + 1 + group, unsigned(members))) return;
  const float* mine = partial + size_t(first) * p.cells;
  if (p.groups == 1) return finish_clip(p, mine, members);
  float* group_sums = p.group_sum + clip * p.groups * p.cells;
  for (int cell = int(threadIdx.x); cell < p.cells; cell += int(blockDim.x))
    group_sums[size_t(group) * p.cells + cell] = sum_partials(mine, p.cells, members, cell);
  if (arrives_last(tickets, unsigned(p.groups))) finish_clip(p, group_sums, p.groups);
}

}  // namespace
}  // namespace tubecam
