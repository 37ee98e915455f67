// Pictures of any format for tests: planes of exactly the bytes that the format needs, so that a
// sanitiser sees any byte touched beyond them.
#pragma once

#include <random>
#include <vector>

#include "clip/frame/frame.h"

namespace tubecam {

inline constexpr PixelFormat kPixelFormats[] = {
    PixelFormat::kNV12, PixelFormat::kI420, PixelFormat::kRGB,  PixelFormat::kBGR,
    PixelFormat::kRGBx, PixelFormat::kBGRx, PixelFormat::kRGBA, PixelFormat::kBGRA};

struct AnyPicture {
  AnyPicture(PixelFormat format, int width, int height, int padding, unsigned seed) {
    frame.format = format;
    frame.width = width;
    frame.height = height;
    std::mt19937 random(seed);
    for (int i = 0; i < num_planes(format); ++i) {
      const PlaneLayout layout = plane_layout(format, width, height, i);
      const int bytes = layout.width * layout.channels;
      frame.stride[size_t(i)] = bytes + padding;
      planes[i].resize(size_t(frame.stride[size_t(i)]) * size_t(layout.height - 1) + size_t(bytes));
      for (auto& byte : planes[i]) byte = uint8_t(random());
      frame.plane[size_t(i)] = planes[i].data();
    }
  }
  AnyPicture(const AnyPicture& other) : frame(other.frame) {
    for (int i = 0; i < num_planes(frame.format); ++i) {
      planes[i] = other.planes[i];
      frame.plane[size_t(i)] = planes[i].data();
    }
  }
  AnyPicture& operator=(const AnyPicture&) = delete;

  Frame frame;
  std::vector<uint8_t> planes[3];
};

}  // namespace tubecam
