// memory:CUDAMemory: libtubecam_gstcuda.so, loaded when such a stream comes or a context is to be
// shared. See Note [CUDA contexts].
#define GST_USE_UNSTABLE_API
#include <gst/cuda/gstcuda.h>

#include <mutex>
#include <set>

#include "base/error.h"
#include "plugin/memory/cuda_sharing.h"
#include "plugin/memory/frame_map.h"
#include "plugin/memory/video_frame.h"

namespace tubecam {
namespace {

// The contexts that TubeCAM's kernels work in, of those that pipelines were given.
class OwnContexts {
 public:
  void add(gpointer handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    handles_.insert(handle);
  }
  bool contain(gpointer handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    return handles_.count(handle) != 0;
  }

 private:
  std::mutex mutex_;
  std::set<gpointer> handles_;  // primary contexts: they live as long as the process
};

OwnContexts& own_contexts() {
  static OwnContexts contexts;
  return contexts;
}

int device_index(GstCudaContext* context) {
  guint index = 0;
  g_object_get(context, "cuda-device-id", &index, nullptr);
  return int(index);
}

class CudaMapper final : public FrameMapper {
 public:
  explicit CudaMapper(const GstVideoInfo& info) : info_(info) {}

  Frame map(GstBuffer* buffer, Access access) override {
    GstCudaMemory* there = memory_of(buffer);
    const bool in_place =
        there && own_contexts().contain(gst_cuda_context_get_handle(there->context));
    int flags = access == Access::kRead ? GST_MAP_READ : GST_MAP_READWRITE;
    if (in_place) flags |= GST_MAP_CUDA;
    // Without a GstVideoMeta the memory itself knows its pitch.
    const bool described = !there || gst_buffer_get_video_meta(buffer);
    check(gst_video_frame_map(&map_, described ? &info_ : &there->info, buffer, GstMapFlags(flags)),
          ErrorCode::kDevice, "a frame of memory:CUDAMemory could not be ",
          access == Access::kRead ? "read" : "written");
    Frame frame = frame_of(map_, info_);
    if (!in_place) return frame;
    synchronize(buffer);
    frame.device = {DeviceType::kCuda, device_index(there->context)};
    return frame;
  }

  void unmap() override { gst_video_frame_unmap(&map_); }

 private:
  // Null for memory of another kind, which these caps allow, too.
  static GstCudaMemory* memory_of(GstBuffer* buffer) {
    GstMemory* memory = gst_buffer_n_memory(buffer) ? gst_buffer_peek_memory(buffer, 0) : nullptr;
    return memory && gst_is_cuda_memory(memory) ? GST_CUDA_MEMORY_CAST(memory) : nullptr;
  }

  // What its stream still has to do to the memory, copies that mapping began among it. Drawing
  // waits for itself (Painter): no work is left for elements downstream.
  static void synchronize(GstBuffer* buffer) {
    for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
      GstMemory* memory = gst_buffer_peek_memory(buffer, i);
      if (gst_is_cuda_memory(memory)) gst_cuda_memory_sync(GST_CUDA_MEMORY_CAST(memory));
    }
  }

  GstVideoInfo info_;
  GstVideoFrame map_;
};

// The primary context, as GStreamer's.
GstCudaContext* wrap_primary(Device device) {
  using Enter = void(Device);
  device_function<Enter>(device, "tubecam_enter_cuda")(device);
  CUcontext handle = nullptr;
  check(CuCtxPopCurrent(&handle) == CUDA_SUCCESS && CuCtxPushCurrent(handle) == CUDA_SUCCESS,
        ErrorCode::kDevice, "CUDA's context could not be asked for");
  GstCudaContext* context = gst_cuda_context_new_wrapped(handle, device.index);
  check(context != nullptr, ErrorCode::kDevice, "GStreamer refused CUDA's context");
  own_contexts().add(handle);
  return context;
}

class PrimarySharing final : public CudaSharing {
 public:
  explicit PrimarySharing(Device device) : context_(wrap_primary(device)) {}
  ~PrimarySharing() override { gst_object_unref(context_); }

  void offer(GstElement* element) override {
    GstContext* context = gst_context_new_cuda_context(context_);
    gst_element_set_context(element, context);
    gst_element_post_message(
        element, gst_message_new_have_context(GST_OBJECT(element), context));  // takes it
  }

  bool answer(GstElement* element, GstQuery* query) override {
    return gst_cuda_handle_context_query(element, query, context_);
  }

 private:
  GstCudaContext* context_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::FrameMapper* tubecam_make_cuda_mapper(const GstVideoInfo& info) {
  gst_cuda_memory_init_once();
  return new tubecam::CudaMapper(info);
}

extern "C" TUBECAM_API tubecam::CudaSharing* tubecam_share_cuda(tubecam::Device device) {
  tubecam::check(gst_cuda_load_library(), tubecam::ErrorCode::kUnavailable,
                 "GStreamer finds no CUDA library");
  gst_cuda_memory_init_once();
  return new tubecam::PrimarySharing(device);
}
