// Draws on frames in a GPU's memory, one after another: keeps there what blend_heat() would bring
// and take away again with each frame.
#pragma once

#include <memory>

#include "base/export.h"
#include "overlay/overlay.h"

namespace tubecam {

class DeviceCanvas {
 public:
  virtual ~DeviceCanvas() = default;
  // The frame, to be drawn on in the order of this canvas's stream: nothing waits until end().
  // Followed by end() before the next begin(), also where drawing threw.
  virtual Frame begin(const Frame& frame) = 0;
  // blend_heat() for what begin() gave; plane.values and plane.motion are in system memory.
  // Allocates only for the first frame of a style, format, matrix or range, or of more cells.
  virtual void blend_heat(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) = 0;
  // The picture is drawn: when this returns, or in the order of the frame's own stream; see Note
  // [Frames on a device].
  virtual void end() = 0;
  virtual Device device() const = 0;
};

// Throws kUnavailable without CUDA's kernels.
TUBECAM_API std::unique_ptr<DeviceCanvas> make_device_canvas(Device device);

}  // namespace tubecam
