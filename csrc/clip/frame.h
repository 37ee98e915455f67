// A video picture in system memory, as the decoder left it: any stride, no copy.
#pragma once

#include <array>
#include <cstdint>

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
};

// Throws kUsage unless 1 ≤ width, height ≤ 16384 and all planes and strides that the format needs
// are there.
void check_frame(const Frame& frame);

// One plane of a format: its samples and how many interleaved channels each has.
struct PlaneLayout {
  int width = 0;
  int height = 0;
  int channels = 0;
  bool chroma = false;  // a sample covers 2×2 pixels
};

const char* to_string(PixelFormat format);
bool is_yuv(PixelFormat format);
bool is_blue_first(PixelFormat format);  // BGR, BGRx, BGRA
int num_planes(PixelFormat format);
PlaneLayout plane_layout(PixelFormat format, int width, int height, int plane);

// A rectangle in frame pixels; edges, not centres: the whole frame is {0, 0, width, height}.
struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
};

inline bool operator==(const Rect& a, const Rect& b) {
  return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
}

}  // namespace tubecam
