#include "plugin/memory/frame_map.h"

#include "base/error.h"
#include "plugin/memory/memory_library.h"
#include "plugin/memory/video_caps.h"
#include "plugin/memory/video_frame.h"

namespace tubecam {
namespace {

class SystemMapper final : public FrameMapper {
 public:
  explicit SystemMapper(const GstVideoInfo& info) : info_(info) {}

  Frame map(GstBuffer* buffer, Access access) override {
    const auto flags = access == Access::kRead ? GST_MAP_READ : GST_MAP_READWRITE;
    check(gst_video_frame_map(&map_, &info_, buffer, flags), ErrorCode::kUsage,
          "a frame's memory could not be ", access == Access::kRead ? "read" : "written");
    return frame_of(map_, info_);
  }
  void unmap() override { gst_video_frame_unmap(&map_); }

 private:
  GstVideoInfo info_;
  GstVideoFrame map_;
};

std::unique_ptr<FrameMapper> load_mapper(const MemoryLibrary& library, const char* name,
                                         const GstVideoInfo& info) {
  using Make = FrameMapper*(const GstVideoInfo&);
  return std::unique_ptr<FrameMapper>(memory_function<Make>(library, name)(info));
}

}  // namespace

void check_device(Device frame, Device element) {
  if (frame.type == DeviceType::kCpu || element.type == DeviceType::kCpu) return;
  check(frame.index == element.index, ErrorCode::kUsage, "the frames lie on ", frame.to_string(),
        ", but the property \"device\" is ", element.to_string(),
        ": set device=", frame.to_string(), ", or let the element that makes the frames use GPU ",
        element.index);
}

std::unique_ptr<FrameMapper> make_frame_mapper(const GstCaps* caps) {
  GstVideoInfo info;
  check(gst_video_info_from_caps(&info, caps), ErrorCode::kUsage, "caps that describe no video");
  switch (memory_kind(caps)) {
    case MemoryKind::kNvmm:
      return load_mapper(kNvmmLibrary, "tubecam_make_nvmm_mapper", info);
    case MemoryKind::kCuda:
      return load_mapper(kCudaLibrary, "tubecam_make_cuda_mapper", info);
    case MemoryKind::kSystem:
      break;
  }
  return std::make_unique<SystemMapper>(info);
}

}  // namespace tubecam
