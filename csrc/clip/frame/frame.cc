#include "clip/frame/frame.h"

#include <cmath>

#include "base/error.h"

namespace tubecam {

namespace {

constexpr int kMaxSide = 16384;

}  // namespace

const char* to_string(PixelFormat format) {
  switch (format) {
    case PixelFormat::kNV12:
      return "NV12";
    case PixelFormat::kI420:
      return "I420";
    case PixelFormat::kRGB:
      return "RGB";
    case PixelFormat::kBGR:
      return "BGR";
    case PixelFormat::kRGBx:
      return "RGBx";
    case PixelFormat::kBGRx:
      return "BGRx";
    case PixelFormat::kRGBA:
      return "RGBA";
    case PixelFormat::kBGRA:
      return "BGRA";
  }
  return "unknown";
}

bool is_yuv(PixelFormat format) {
  return format == PixelFormat::kNV12 || format == PixelFormat::kI420;
}

bool is_blue_first(PixelFormat format) {
  return format == PixelFormat::kBGR || format == PixelFormat::kBGRx ||
         format == PixelFormat::kBGRA;
}

int num_planes(PixelFormat format) {
  if (format == PixelFormat::kNV12) return 2;
  return format == PixelFormat::kI420 ? 3 : 1;
}

PlaneLayout plane_layout(PixelFormat format, int width, int height, int plane) {
  if (is_yuv(format)) {
    if (plane == 0) return {width, height, 1, false};
    return {(width + 1) / 2, (height + 1) / 2, format == PixelFormat::kNV12 ? 2 : 1, true};
  }
  const bool three = format == PixelFormat::kRGB || format == PixelFormat::kBGR;
  return {width, height, three ? 3 : 4, false};
}

Device device_for(const Frame& frame, Device wanted) {
  if (frame.device.type == DeviceType::kCpu) return wanted;
  check(wanted.type == DeviceType::kCpu || wanted.index == frame.device.index, ErrorCode::kUsage,
        "the frame lies on ", frame.device.to_string(), ", but the work is to be done on ",
        wanted.to_string(), ": choose one device for both");
  return frame.device;
}

void check_in_system_memory(const Frame& frame, const char* what) {
  check(frame.device.type == DeviceType::kCpu, ErrorCode::kUsage, what,
        " needs a frame in system memory, and this one lies on ", frame.device.to_string(),
        ": download it first (cudadownload or nvvideoconvert in a pipeline)");
}

bool same_size(const Frame& a, const Frame& b) {
  return a.format == b.format && a.width == b.width && a.height == b.height;
}

bool same_colours(const Frame& a, const Frame& b) {
  return a.format == b.format && a.matrix == b.matrix && a.full_range == b.full_range;
}

void check_source(const Rect& source) {
  const bool sane = std::abs(source.x) <= kMaxCoordinate && std::abs(source.y) <= kMaxCoordinate &&
                    source.width > 0 && source.width <= kMaxCoordinate && source.height > 0 &&
                    source.height <= kMaxCoordinate;
  check(sane, ErrorCode::kUsage, "source rectangle x=", source.x, " y=", source.y,
        " width=", source.width, " height=", source.height,
        " must be positive in size and within 10^8 pixels");
}

void check_frame(const Frame& frame) {
  const char* name = to_string(frame.format);
  check(
      frame.width >= 1 && frame.height >= 1 && frame.width <= kMaxSide && frame.height <= kMaxSide,
      ErrorCode::kUsage, "frame size ", frame.width, "x", frame.height, " is outside 1x1 to ",
      kMaxSide, "x", kMaxSide);
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, i);
    const int row_bytes = layout.width * layout.channels;
    check(frame.plane[i] != nullptr, ErrorCode::kUsage, name, " frame lacks plane ", i);
    check(frame.stride[i] >= row_bytes, ErrorCode::kUsage, "stride of plane ", i, " of the ", name,
          " frame is ", frame.stride[i], " bytes, but a row of ", layout.width, " samples needs ",
          row_bytes);
  }
}

}  // namespace tubecam
