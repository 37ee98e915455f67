#include "base/cuda/kernel.cuh"
#include "explain/tube/tube_cuda.h"
#include "explain/tube/tube_math.h"

namespace tubecam {
namespace {

constexpr unsigned kThreads = 128;

struct TubeLaunch {
  const float* values;
  int t, h, w;
  double stride[3], offset[3];
  double slice;         // of a plane
  const float* points;  // [count, 3]
  int count;
  float* out;
};

__device__ __forceinline__ int thread_index() { return int(blockIdx.x * blockDim.x + threadIdx.x); }

__global__ void plane_kernel(TubeLaunch p) {
  const int i = thread_index(), size = p.h * p.w;
  if (i >= size) return;
  const Between t = between(p.slice, p.stride[0], p.offset[0], p.t);
  p.out[i] = mix(p.values[size_t(t.low) * size + i], p.values[size_t(t.high) * size + i], t.part);
}

__global__ void sample_kernel(TubeLaunch p) {
  const int i = thread_index();
  if (i >= p.count) return;
  Between at[3];
  const int cells[3] = {p.t, p.h, p.w};
  for (int axis = 0; axis < 3; ++axis)
    at[axis] = between(p.points[3 * i + axis], p.stride[axis], p.offset[axis], cells[axis]);
  p.out[i] = sample_cells(p.values, p.h, p.w, at[0], at[1], at[2]);
}

TubeLaunch launch_of(const TubeView& tube, float* out) {
  check(tube.values && out && tube.t > 0 && tube.h > 0 && tube.w > 0, ErrorCode::kUsage,
        "a tube of ", tube.t, "x", tube.h, "x", tube.w, " cells cannot be sampled");
  TubeLaunch p{};
  p.values = tube.values;
  p.t = tube.t;
  p.h = tube.h;
  p.w = tube.w;
  for (int axis = 0; axis < 3; ++axis) {
    p.stride[axis] = tube.stride[size_t(axis)];
    p.offset[axis] = tube.offset[size_t(axis)];
  }
  p.out = out;
  return p;
}

unsigned blocks_for(int count) { return (unsigned(count) + kThreads - 1) / kThreads; }

}  // namespace

void launch_tube_plane(const TubeView& tube, double slice, float* plane, StreamHandle stream) {
  TubeLaunch p = launch_of(tube, plane);
  p.slice = slice;
  launch("in tube_plane", plane_kernel, blocks_for(tube.h * tube.w), kThreads, 0, stream, p);
}

void launch_sample_tube(const TubeView& tube, const float* points, int count, float* values,
                        StreamHandle stream) {
  if (count <= 0) return;
  TubeLaunch p = launch_of(tube, values);
  p.points = points;
  p.count = count;
  launch("in sample_tube", sample_kernel, blocks_for(count), kThreads, 0, stream, p);
}

}  // namespace tubecam
