// A video picture, as the decoder left it: any stride, no copy.
#pragma once

#include <array>
#include <cstdint>

#include "base/device.h"
#include "base/export.h"
#include "base/rect.h"

struct CUstream_st;

namespace tubecam {

enum class PixelFormat { kNV12, kI420, kRGB, kBGR, kRGBx, kBGRx, kRGBA, kBGRA };
enum class YuvMatrix { kBt601, kBt709 };

// Planes: NV12 Y, UV; I420 Y, U, V; packed formats plane 0. Strides in bytes, at least the row's
// own bytes.
// Chroma of NV12 and I420 has (width+1)/2 × (height+1)/2 samples. `matrix` and `full_range` matter
// to these two only.
struct Frame {
  PixelFormat format = PixelFormat::kRGB;
  int width = 0;
  int height = 0;
  std::array<uint8_t*, 3> plane{};
  std::array<int, 3> stride{};
  YuvMatrix matrix = YuvMatrix::kBt601;
  bool full_range = false;
  Device device;                  // whose memory the planes point into
  CUstream_st* stream = nullptr;  // see Note [Frames on a device]
};

// Note [Frames on a device]
// The planes of a frame on a GPU are the device's pointers. With a stream (cudaStream_t; CUDA's own
// default streams by the names cudaStreamLegacy and cudaStreamPerThread) the frame is used in that
// stream's order: after all that the stream was given before the call, and before all that it is
// given afterwards; the host waits for nothing. Without one the pixels are there already, and they
// have been used when the call returns, so that the memory may go back to its owner.
// `stream` of a frame in system memory is ignored.

// Where work on a frame runs: on the frame's GPU, else on `wanted`. Throws kUsage when these are
// two GPUs.
Device device_for(const Frame& frame, Device wanted);

// Throws kUsage for a frame on a GPU: `what`, "the CPU's overlay", works in system memory.
void check_in_system_memory(const Frame& frame, const char* what);

// Throws kUsage unless 1 ≤ width, height ≤ 16384 and all planes and strides that the format needs
// are there.
TUBECAM_API void check_frame(const Frame& frame);

// Throws kUsage unless a part of a frame is positive in size and within 10^8 pixels.
TUBECAM_API void check_source(const Rect& source);

// What plans, tables and windows are made for.
TUBECAM_API bool same_size(const Frame& a, const Frame& b);     // and format
TUBECAM_API bool same_colours(const Frame& a, const Frame& b);  // format, matrix, range

// One plane of a format: its samples and how many interleaved channels each has.
struct PlaneLayout {
  int width = 0;
  int height = 0;
  int channels = 0;
  bool chroma = false;  // a sample covers 2×2 pixels
};

TUBECAM_API const char* to_string(PixelFormat format);
TUBECAM_API bool is_yuv(PixelFormat format);
TUBECAM_API bool is_blue_first(PixelFormat format);  // BGR, BGRx, BGRA
TUBECAM_API int num_planes(PixelFormat format);
TUBECAM_API PlaneLayout plane_layout(PixelFormat format, int width, int height, int plane);

}  // namespace tubecam
