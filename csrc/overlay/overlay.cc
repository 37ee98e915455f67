#include "overlay/overlay.h"

#include <cmath>

#include "base/error.h"
#include "overlay/overlay_cpu.h"

namespace tubecam {
namespace {

void check_unit(float value, const char* name) {
  check(value >= 0 && value <= 1, ErrorCode::kUsage, name, " of the heat is ", value,
        ", but must lie in 0 to 1");
}

void check_plane(const HeatPlane& plane) {
  check(plane.values != nullptr && plane.h >= 1 && plane.w >= 1, ErrorCode::kUsage, "the heat has ",
        plane.h, "x", plane.w, " cells; at least 1x1 is needed");
  check(plane.clip_height >= 1 && plane.clip_width >= 1, ErrorCode::kUsage, "the clip's size ",
        plane.clip_height, "x", plane.clip_width, " must be positive");
  for (const double stride : plane.stride)
    check(stride > 0 && stride <= kMaxCoordinate, ErrorCode::kUsage, "the cells' stride ", stride,
          " must be positive");
  for (const double offset : plane.offset)
    check(std::abs(offset) <= kMaxCoordinate, ErrorCode::kUsage, "the first cell's offset ", offset,
          " is not a place in a clip");
  check_source(plane.source);
}

}  // namespace

bool check_heat(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) {
  check_frame(frame);
  check_plane(plane);
  check_unit(style.alpha, "alpha");
  check_unit(style.threshold, "threshold");
  return plane.scale > 0 && style.alpha > 0 && style.threshold < 1;
}

void blend_heat(const Frame& frame, const HeatPlane& plane, const HeatStyle& style, Device device) {
  if (!check_heat(frame, plane, style)) return;
  device = device_for(frame, device);
  if (device.type == DeviceType::kCuda) {
    using CudaFunction = void(const Frame&, const HeatPlane&, const HeatStyle&, Device);
    return device_function<CudaFunction>(device, "tubecam_blend_heat")(frame, plane, style, device);
  }
  blend_heat_cpu(frame, plane, style);
}

}  // namespace tubecam
