// A Frame whose pixels are arrays of NumPy or another library, in system memory or on a GPU: no
// copy; the arrays live as long as the frame.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <optional>
#include <string>
#include <vector>

#include "clip/frame/frame.h"

namespace tubecam {

PixelFormat parse_pixel_format(const std::string& name);  // throws kUsage listing the names

class FrameArray {
 public:
  // planes: uint8 [rows, bytes a row] each, in the order of the format; rows may lie apart, bytes
  // of a row may not. Throws kUsage naming the plane that does not fit.
  FrameArray(PixelFormat format, int width, int height, const std::vector<pybind11::array>& planes,
             const std::string& matrix, bool full_range);

  // pixels: uint8 [H, W, 3] or [H, W, 4] of NumPy, or of a library that import_array() reads; no
  // format = RGB or RGBA. On a GPU the host waits until the pixels are there.
  static FrameArray from_pixels(const pybind11::object& pixels,
                                const std::optional<std::string>& format);

  const Frame& frame() const { return frame_; }
  const Frame& writable() const;  // throws kUsage when an array is read-only or is not NumPy's

 private:
  FrameArray() = default;
  void check_planes() const;
  void place(const struct Pixels& pixels, const std::optional<std::string>& format);

  Frame frame_;
  std::vector<pybind11::array> arrays_;
  pybind11::object owner_;  // of another library's array
};

}  // namespace tubecam
