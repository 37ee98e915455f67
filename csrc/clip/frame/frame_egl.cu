#define EGL_NO_X11
#define MESA_EGL_NO_X11_HEADERS
#include <cuda_egl_interop.h>

#include <utility>

#include "base/cuda/cuda.h"
#include "base/error.h"
#include "clip/frame/frame_egl.h"

namespace tubecam {
namespace {

struct Registration {
  cudaGraphicsResource* resource = nullptr;

  ~Registration() {
    if (resource) cudaGraphicsUnregisterResource(resource);
  }
};

void set_planes(const cudaEglFrame& image, Frame* frame) {
  check(image.frameType == cudaEglFrameTypePitch, ErrorCode::kUsage,
        "the frame's surface is block-linear: put nvvidconv and "
        "video/x-raw(memory:NVMM),format=RGBA before this element; for NV12 with bl-output=false");
  const int planes = num_planes(frame->format);
  check(int(image.planeCount) == planes, ErrorCode::kUsage, "the frame's EGL image has ",
        image.planeCount, " planes, but ", to_string(frame->format), " has ", planes);
  for (int i = 0; i < planes; ++i) {
    frame->plane[size_t(i)] = static_cast<uint8_t*>(image.frame.pPitch[i].ptr);
    frame->stride[size_t(i)] = int(image.frame.pPitch[i].pitch);
  }
}

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API void* tubecam_map_egl_image(void* image, bool write, tubecam::Frame* frame) {
  using namespace tubecam;
  use_cuda(frame->device);
  Registration registration;
  const unsigned flags = write ? cudaGraphicsRegisterFlagsNone : cudaGraphicsRegisterFlagsReadOnly;
  check_cuda(cudaGraphicsEGLRegisterImage(&registration.resource, image, flags),
             "to register a surface's EGL image");
  cudaEglFrame mapped{};
  check_cuda(cudaGraphicsResourceGetMappedEglFrame(&mapped, registration.resource, 0, 0),
             "to map a surface's EGL image");
  set_planes(mapped, frame);
  return std::exchange(registration.resource, nullptr);
}

extern "C" TUBECAM_API void tubecam_unmap_egl_image(void* resource) {
  cudaGraphicsUnregisterResource(static_cast<cudaGraphicsResource*>(resource));
}
