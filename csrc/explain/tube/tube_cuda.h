// CUDA implementation of tube sampling: device memory in, device memory out. Part of
// libtubecam_cuda.so.
#pragma once

#include "base/cuda/cuda.h"
#include "base/export.h"
#include "explain/tube/tube.h"

namespace tubecam {

// `tube.values`, `plane` and `points` are device memory; nothing allocates or waits.

// plane: [h, w], the tube at one time.
TUBECAM_API void launch_tube_plane(const TubeView& tube, double slice, float* plane,
                                   StreamHandle stream);

// points: [count, 3] float32 (slice, y, x) in clip coordinates; values: [count].
TUBECAM_API void launch_sample_tube(const TubeView& tube, const float* points, int count,
                                    float* values, StreamHandle stream);

}  // namespace tubecam
