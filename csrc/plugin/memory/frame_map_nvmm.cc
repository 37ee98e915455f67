// memory:NVMM: libtubecam_nvmm.so, loaded when such a stream comes. See Note [NvBufSurface].
#include <cstddef>

#include "base/error.h"
#include "clip/frame/frame_egl.h"
#include "plugin/memory/frame_map.h"
#include "plugin/memory/nvmm_surface.h"

namespace tubecam {
namespace {

// Whether this machine's driver is of the kind that gives CUDA's pointers without EGL. Older
// headers than those of JetPack 7 and DeepStream 8 know none.
#ifdef TUBECAM_NVMM_OPENRM
bool is_open_rm() {
  NvBufSurfaceDeviceInfo info{};
  return NvBufSurfaceGetDeviceInfo(&info) == 0 && info.driverType == NVBUF_DRIVER_TYPE_RM;
}

// The GPU's L2 cache is not coherent with the engines that write and read surfaces there.
void sync_cache(NvBufSurface* surface) {
  NvBufSurfaceGPUL2SyncParams parameters{};
  parameters.type = NVBUF_GPU_L2_CACHE_FLUSH_INVALIDATE;
  NvBufSurfaceSyncGpuL2CacheForDevice(surface, 0, &parameters);
}

void unmap_cuda_buffer(NvBufSurface* surface) {
  sync_cache(surface);
  NvBufSurfaceUnMapCudaBuffer(surface, 0);
}

void* map_cuda_buffer(NvBufSurface* surface) {
  check(NvBufSurfaceMapCudaBuffer(surface, 0) == 0, ErrorCode::kDevice,
        "NvBufSurfaceMapCudaBuffer failed for a surface");
  const auto* buffer =
      static_cast<NvBufSurfaceCudaBuffer*>(surface->surfaceList[0].mappedAddr.cudaPtr);
  if (!buffer || !buffer->dataPtr) {
    NvBufSurfaceUnMapCudaBuffer(surface, 0);
    fail(ErrorCode::kDevice, "NvBufSurfaceMapCudaBuffer gave no address");
  }
  sync_cache(surface);
  return buffer->dataPtr;
}
#else
bool is_open_rm() { return false; }
void* map_cuda_buffer(NvBufSurface*) { return nullptr; }
void unmap_cuda_buffer(NvBufSurface*) {}
#endif

// A surface array's pixels, mapped for CUDA. A surface that somebody else keeps mapped stays so.
class SurfaceArrayMap {
 public:
  void map(NvBufSurface* surface, Access access, Frame* frame) {
    if (open_rm_) {
      void* base = map_cuda_buffer(surface);
      surface_ = surface;
      by_ = By::kCudaBuffer;
      return set_planes(surface->surfaceList[0], base, frame);
    }
    const bool mapped = surface->surfaceList[0].mappedAddr.eglImage != nullptr;
    check(
        mapped || NvBufSurfaceMapEglImage(surface, 0) == 0, ErrorCode::kDevice,
        "NvBufSurfaceMapEglImage failed for a surface: is there a display server or a headless EGL "
        "(unset DISPLAY)?");
    surface_ = surface;
    by_ = mapped ? By::kForeignEglImage : By::kEglImage;
    auto* map_image = device_function<MapEglImage>(frame->device, "tubecam_map_egl_image");
    device_ = frame->device;
    resource_ =
        map_image(surface->surfaceList[0].mappedAddr.eglImage, access == Access::kWrite, frame);
  }

  void unmap() {
    if (resource_) device_function<UnmapEglImage>(device_, "tubecam_unmap_egl_image")(resource_);
    resource_ = nullptr;
    if (by_ == By::kEglImage) NvBufSurfaceUnMapEglImage(surface_, 0);
    if (by_ == By::kCudaBuffer) unmap_cuda_buffer(surface_);
    by_ = By::kNothing;
  }

 private:
  enum class By { kNothing, kCudaBuffer, kEglImage, kForeignEglImage };

  const bool open_rm_ = is_open_rm();
  NvBufSurface* surface_ = nullptr;
  By by_ = By::kNothing;
  Device device_;
  void* resource_ = nullptr;
};

class NvmmMapper final : public FrameMapper {
 public:
  explicit NvmmMapper(const GstVideoInfo& info) : info_(info) {}

  Frame map(GstBuffer* buffer, Access access) override {
    check(access == Access::kRead || gst_buffer_is_all_memory_writable(buffer), ErrorCode::kUsage,
          "the frame's surface belongs to another branch, too (tee), and surfaces cannot be copied "
          "here: put nvvideoconvert (on Jetson nvvidconv) between tee and this element");
    check(gst_buffer_n_memory(buffer) == 1, ErrorCode::kUsage, "the buffer of memory:NVMM holds ",
          gst_buffer_n_memory(buffer), " memories, not 1");
    // The description is only read, whatever happens to the pixels.
    check(gst_buffer_map(buffer, &description_, GST_MAP_READ), ErrorCode::kUsage,
          "the description of a frame's surface could not be read");
    buffer_ = buffer;
    try {
      return frame_of_description(access);
    } catch (...) {
      unmap();
      throw;
    }
  }

  void unmap() override {
    array_.unmap();
    gst_buffer_unmap(buffer_, &description_);
  }

  const char* why_not_held() const override {
    return "align=delayed holds about a window of frames, and the surfaces of memory:NVMM come "
           "from "
           "a pool of few that cannot be copied here: use align=latest, or put nvvideoconvert (on "
           "Jetson nvvidconv) and video/x-raw before tubecam";
  }

 private:
  Frame frame_of_description(Access access) {
    constexpr size_t kNeeded = offsetof(NvBufSurface, surfaceList) + sizeof(void*);
    check(description_.size >= kNeeded, ErrorCode::kUsage, "a buffer of memory:NVMM holds ",
          description_.size, " bytes, which is no NvBufSurface");
    auto* surface = reinterpret_cast<NvBufSurface*>(description_.data);
    SurfaceFrame read = read_surface(*surface, info_);
    if (read.access == SurfaceAccess::kSurfaceArray) array_.map(surface, access, &read.frame);
    return read.frame;
  }

  GstVideoInfo info_;
  GstBuffer* buffer_ = nullptr;
  GstMapInfo description_;
  SurfaceArrayMap array_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::FrameMapper* tubecam_make_nvmm_mapper(const GstVideoInfo& info) {
  return new tubecam::NvmmMapper(info);
}
