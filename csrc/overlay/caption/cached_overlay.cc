#include "overlay/caption/cached_overlay.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "overlay/heat/heat_math.h"

namespace tubecam {
namespace {

// Red, green, blue and opacity, 0…255, the colour premultiplied.
using Pixel = std::array<float, 4>;

Pixel pixel_at(const uint8_t* data, int stride, int x, int y) {
  uint32_t argb;
  const uint8_t* source = data + static_cast<ptrdiff_t>(y) * stride + 4 * x;
  std::copy(source, source + 4, reinterpret_cast<uint8_t*>(&argb));
  return {float(argb >> 16 & 255), float(argb >> 8 & 255), float(argb & 255), float(argb >> 24)};
}

// The mean of the pixels under a sample.
Pixel sample_at(const uint8_t* data, int stride, int x, int y, bool chroma) {
  if (!chroma) return pixel_at(data, stride, x, y);
  Pixel mean{};
  for (int dy = 0; dy < 2; ++dy)
    for (int dx = 0; dx < 2; ++dx) {
      const Pixel pixel = pixel_at(data, stride, 2 * x + dx, 2 * y + dy);
      for (int c = 0; c < 4; ++c) mean[c] += 0.25f * pixel[c];
    }
  return mean;
}

// Turns a pixel's colour into the plane's channels, in their order.
struct PlaneColor {
  PlaneColor(const Frame& frame, int plane)
      : yuv(rgb_to_yuv(frame.matrix == YuvMatrix::kBt709, frame.full_range)),
        plane(plane),
        is_yuv(tubecam::is_yuv(frame.format)),
        swapped(is_blue_first(frame.format)) {}

  Pixel operator()(Pixel pixel) const {
    if (is_yuv) {
      convert_rgb(yuv, pixel[3] * (1.0f / 255), pixel[0], pixel[1], pixel[2]);
      if (plane == 1) return {pixel[1], pixel[2], pixel[0], pixel[3]};
      if (plane == 2) return {pixel[2], pixel[0], pixel[1], pixel[3]};
    } else if (swapped) {
      std::swap(pixel[0], pixel[2]);
    }
    return pixel;
  }

  RgbToYuv yuv;
  int plane;
  bool is_yuv, swapped;
};

void put(BlendRow& row, int sample, int channels, const Pixel& pixel) {
  const int keep = kKeepAll - static_cast<int>(pixel[3] * ((kKeepAll - 1) / 255.0f) + 0.5f);
  for (int c = 0; c < channels; ++c) {
    const int byte = sample * channels + c;
    const float add = std::clamp(pixel[c], 0.0f, pixel[3]) * 128;
    row.keep(byte & 1)[byte >> 1] = static_cast<uint16_t>(c < 3 ? keep : kKeepAll);
    row.add(byte & 1)[byte >> 1] =
        static_cast<uint16_t>(c < 3 ? kAddNothing + static_cast<int>(add + 0.5f) : kAddNothing);
  }
}

}  // namespace

void CachedOverlay::build(cairo_surface_t* picture, const Frame& frame) {
  cairo_surface_flush(picture);
  const uint8_t* data = cairo_image_surface_get_data(picture);
  const int stride = cairo_image_surface_get_stride(picture);
  const int width = cairo_image_surface_get_width(picture);
  const int height = cairo_image_surface_get_height(picture);
  planes_.resize(num_planes(frame.format));
  for (int i = 0; i < num_planes(frame.format); ++i) {
    CachedPlane& plane = planes_[i];
    plane.layout = plane_layout(frame.format, width, height, i);
    plane.rows.resize(plane.layout.height);
    const PlaneColor color(frame, i);
    for (int y = 0; y < plane.layout.height; ++y) {
      plane.rows[y].reset(plane.layout.width * plane.layout.channels);
      for (int x = 0; x < plane.layout.width; ++x) {
        const Pixel pixel = sample_at(data, stride, x, y, plane.layout.chroma);
        put(plane.rows[y], x, plane.layout.channels, color(pixel));
      }
    }
  }
  loaded_ = false;
}

void CachedOverlay::draw(const Frame& frame, int x, int y) {
  if (frame.device.type == DeviceType::kCuda) return draw_there(frame, x, y);
  for (size_t i = 0; i < planes_.size(); ++i) {
    const PlaneLayout& layout = planes_[i].layout;
    const CachedPart part = part_under(frame, int(i), layout, x, y);
    if (part.width <= 0) continue;
    for (int row = 0; row < part.height; ++row) {
      uint8_t* data = frame.plane[i] + static_cast<ptrdiff_t>(part.top + row) * frame.stride[i] +
                      part.left * layout.channels;
      const BlendRow& blend = planes_[i].rows[row];
      blend_rows(data, frame.stride[i], 0, part.width * layout.channels, blend, blend);
    }
  }
}

void CachedOverlay::draw_there(const Frame& frame, int x, int y) {
  if (!there_ || device_.index != frame.device.index) {
    using CudaFunction = DeviceCachedOverlay*(Device);
    there_.reset(device_function<CudaFunction>(frame.device,
                                               "tubecam_make_device_cached_overlay")(frame.device));
    device_ = frame.device;
    loaded_ = false;
  }
  if (!loaded_) there_->load(planes_);
  loaded_ = true;
  there_->draw(frame, x, y);
}

}  // namespace tubecam
