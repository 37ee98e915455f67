// Surfaces for tests of memory:NVMM, and what became of them.
#pragma once

#include <gst/gst.h>

#include <vector>

#include "clip/frame/frame.h"
#include "nvbufsurface.h"

namespace tubecam::testing {

// What the driver of this test is, and what was called.
struct SurfaceDriver {
  NvBufSurfaceDriverType type = NVBUF_DRIVER_TYPE_NVGPU;
  bool block_linear_image = false;  // what EGL gives
  int egl_maps = 0, egl_images = 0, registrations = 0, cuda_buffers = 0, cache_syncs = 0;
};
SurfaceDriver& surface_driver();

// One surface with pixels of its own: pitches and offsets of which none is what the caps imply.
struct Surface {
  Surface(PixelFormat format, int width, int height, NvBufSurfaceMemType type, unsigned seed = 7);
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;

  // A buffer of memory:NVMM: the description, which belongs to this.
  GstBuffer* buffer(GstClockTime pts = 0);
  // The planes without their padding.
  std::vector<uint8_t> picture() const;
  void set_picture(const std::vector<uint8_t>& bytes);
  std::vector<uint8_t> padding() const;  // all the other bytes

  PixelFormat format;
  int width, height;
  std::vector<uint8_t> pixels;
  NvBufSurfaceParams params{};
  NvBufSurface surface{};
};

}  // namespace tubecam::testing
