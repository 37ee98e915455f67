// CUDA implementation of `blend_heat`: frames in device memory, in place. Part of
// libtubecam_cuda.so.
#pragma once

#include <array>

#include "base/cuda/cuda.h"
#include "base/export.h"
#include "overlay/overlay.h"

namespace tubecam {

// What one launch may do beyond a plane and a frame.
struct HeatLaunch {
  // Heat between two planes of the tube: (1 − part)·values + part·next. nullptr: `values` alone.
  const float* next = nullptr;  // [h, w], device memory
  float part = 0;
  // Several frames, all alike and heated by planes of one geometry.
  int frames = 1;
  std::array<size_t, 3> plane_step{};  // bytes from a plane to the same plane of the next frame
  size_t values_step = 0;  // floats from the heat (next, motion) of a frame to the next one's
};

// Keeps the tables of a style and format on the device.
class TUBECAM_API CudaHeatBlender {
 public:
  // The contract of overlay.h, each sample looked up for itself. frame.plane, plane.values and
  // plane.motion are device memory. One launch, two where refined heat does not fit into a block's
  // shared memory (from about 22×22 cells). Reads and writes 128 bits at a time where planes and
  // strides are 16-byte aligned, and nothing where it is cold. Allocates, and waits for the stream,
  // only for the first frame of a style, format, matrix or range, or of more cells.
  void blend(const Frame& frame, const HeatPlane& plane, const HeatStyle& style,
             StreamHandle stream, const HeatLaunch& launch = {});

 private:
  void prepare_tables(const Frame& frame, const HeatStyle& style, bool motion, StreamHandle stream);

  DeviceBuffer tables_;  // [planes, 2 with motion, entries] of keep and three adds
  Frame canvas_;
  HeatStyle style_;
  bool motion_ = false;
  int first_hot_ = 0;     // the first entry that changes anything
  DeviceBuffer refined_;  // for planes of many cells
};

}  // namespace tubecam
