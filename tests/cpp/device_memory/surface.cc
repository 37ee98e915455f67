#include "surface.h"

#include <cstddef>
#include <cstring>

#include "cuda_egl_interop.h"

struct cudaGraphicsResource {
  tubecam::testing::Surface* surface;
};

namespace tubecam::testing {
namespace {

// The surface that a description belongs to; the pixels' address finds it.
Surface* owner(NvBufSurface* surface) {
  return reinterpret_cast<Surface*>(reinterpret_cast<char*>(surface) - offsetof(Surface, surface));
}

NvBufSurfaceColorFormat color_format(PixelFormat format) {
  switch (format) {
    case PixelFormat::kNV12:
      return NVBUF_COLOR_FORMAT_NV12;
    case PixelFormat::kI420:
      return NVBUF_COLOR_FORMAT_YUV420;
    case PixelFormat::kRGB:
      return NVBUF_COLOR_FORMAT_RGB;
    case PixelFormat::kBGR:
      return NVBUF_COLOR_FORMAT_BGR;
    case PixelFormat::kRGBx:
      return NVBUF_COLOR_FORMAT_RGBx;
    case PixelFormat::kBGRx:
      return NVBUF_COLOR_FORMAT_BGRx;
    case PixelFormat::kRGBA:
      return NVBUF_COLOR_FORMAT_RGBA;
    default:
      return NVBUF_COLOR_FORMAT_BGRA;
  }
}

// Calls action(first byte, bytes) for each row of each plane.
template <typename Action>
void for_each_row(const Surface& s, const Action& action) {
  for (int i = 0; i < num_planes(s.format); ++i) {
    const PlaneLayout layout = plane_layout(s.format, s.width, s.height, i);
    for (int y = 0; y < layout.height; ++y)
      action(s.params.planeParams.offset[i] + size_t(y) * s.params.planeParams.pitch[i],
             size_t(layout.width) * size_t(layout.channels));
  }
}

}  // namespace

SurfaceDriver& surface_driver() {
  static SurfaceDriver driver;
  return driver;
}

Surface::Surface(PixelFormat format, int width, int height, NvBufSurfaceMemType type, unsigned seed)
    : format(format), width(width), height(height) {
  params.width = uint32_t(width);
  params.height = uint32_t(height);
  params.colorFormat = color_format(format);
  NvBufSurfacePlaneParams& planes = params.planeParams;
  planes.num_planes = uint32_t(num_planes(format));
  size_t end = 0;
  for (uint32_t i = 0; i < planes.num_planes; ++i) {
    const PlaneLayout layout = plane_layout(format, width, height, int(i));
    planes.offset[i] = uint32_t(end + 32 * (i + 1));
    planes.pitch[i] = uint32_t(layout.width * layout.channels + 24 + 8 * int(i));
    end = planes.offset[i] + size_t(planes.pitch[i]) * size_t(layout.height);
  }
  pixels.resize(end);
  for (size_t i = 0; i < end; ++i) pixels[i] = uint8_t((i * 2654435761u + seed * 97) >> 11);
  params.dataSize = uint32_t(end);
  if (type != NVBUF_MEM_SURFACE_ARRAY) params.dataPtr = pixels.data();
  surface.batchSize = surface.numFilled = 1;
  surface.memType = type;
  surface.surfaceList = &params;
}

GstBuffer* Surface::buffer(GstClockTime pts) {
  GstBuffer* buffer = gst_buffer_new_wrapped_full(GstMemoryFlags(0), &surface, sizeof surface, 0,
                                                  sizeof surface, nullptr, nullptr);
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = GST_SECOND / 30;
  return buffer;
}

std::vector<uint8_t> Surface::picture() const {
  std::vector<uint8_t> bytes;
  for_each_row(*this, [&](size_t first, size_t count) {
    bytes.insert(bytes.end(), pixels.begin() + ptrdiff_t(first),
                 pixels.begin() + ptrdiff_t(first + count));
  });
  return bytes;
}

void Surface::set_picture(const std::vector<uint8_t>& bytes) {
  size_t at = 0;
  for_each_row(*this, [&](size_t first, size_t count) {
    std::memcpy(pixels.data() + first, bytes.data() + at, count);
    at += count;
  });
}

std::vector<uint8_t> Surface::padding() const {
  std::vector<uint8_t> rest = pixels;
  for_each_row(*this,
               [&](size_t first, size_t count) { std::memset(rest.data() + first, 0, count); });
  return rest;
}

}  // namespace tubecam::testing

using tubecam::testing::Surface;
using tubecam::testing::surface_driver;

int NvBufSurfaceGetDeviceInfo(NvBufSurfaceDeviceInfo* info) {
  return info->driverType = surface_driver().type, 0;
}
int NvBufSurfaceMapEglImage(NvBufSurface* surface, int) {
  if (surface->memType != NVBUF_MEM_SURFACE_ARRAY ||
      surface_driver().type != NVBUF_DRIVER_TYPE_NVGPU)
    return -1;
  ++surface_driver().egl_maps;
  ++surface_driver().egl_images;
  surface->surfaceList[0].mappedAddr.eglImage = tubecam::testing::owner(surface);
  return 0;
}
int NvBufSurfaceUnMapEglImage(NvBufSurface* surface, int) {
  --surface_driver().egl_images;
  surface->surfaceList[0].mappedAddr.eglImage = nullptr;
  return 0;
}
int NvBufSurfaceMapCudaBuffer(NvBufSurface* surface, int) {
  if (surface->memType != NVBUF_MEM_SURFACE_ARRAY || surface_driver().type != NVBUF_DRIVER_TYPE_RM)
    return -1;
  ++surface_driver().cuda_buffers;
  surface->surfaceList[0].mappedAddr.cudaPtr =
      new NvBufSurfaceCudaBuffer{tubecam::testing::owner(surface)->pixels.data()};
  return 0;
}
int NvBufSurfaceUnMapCudaBuffer(NvBufSurface* surface, int) {
  --surface_driver().cuda_buffers;
  void*& mapped = surface->surfaceList[0].mappedAddr.cudaPtr;
  delete static_cast<NvBufSurfaceCudaBuffer*>(mapped);
  mapped = nullptr;
  return 0;
}
int NvBufSurfaceSyncGpuL2CacheForDevice(NvBufSurface*, int, NvBufSurfaceGPUL2SyncParams*) {
  return ++surface_driver().cache_syncs, 0;
}

cudaError_t cudaGraphicsEGLRegisterImage(cudaGraphicsResource** resource, EGLImageKHR image,
                                         unsigned) {
  ++surface_driver().registrations;
  *resource = new cudaGraphicsResource{static_cast<Surface*>(image)};
  return cudaSuccess;
}
cudaError_t cudaGraphicsUnregisterResource(cudaGraphicsResource* resource) {
  --surface_driver().registrations;
  delete resource;
  return cudaSuccess;
}
cudaError_t cudaGraphicsResourceGetMappedEglFrame(cudaEglFrame* frame,
                                                  cudaGraphicsResource* resource, unsigned,
                                                  unsigned) {
  Surface& surface = *resource->surface;
  const NvBufSurfacePlaneParams& planes = surface.params.planeParams;
  frame->frameType =
      surface_driver().block_linear_image ? cudaEglFrameTypeArray : cudaEglFrameTypePitch;
  frame->planeCount = planes.num_planes;
  for (unsigned i = 0; i < planes.num_planes; ++i)
    frame->frame.pPitch[i] = {surface.pixels.data() + planes.offset[i], planes.pitch[i]};
  return cudaSuccess;
}
