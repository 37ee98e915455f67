#include "clip/frame/frame_cuda.h"
#include "overlay/device_canvas.h"
#include "overlay/overlay_cuda.h"

namespace tubecam {
namespace {

class CudaCanvas final : public DeviceCanvas {
 public:
  explicit CudaCanvas(Device device) : device_(device) { use_cuda(device); }

  Frame begin(const Frame& frame) override {
    use_cuda(device_);
    frame_ = frame;
    Frame queued = there_.bring(frame, stream_.get());
    queued.stream = stream_.get();
    return queued;
  }

  void blend_heat(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) override {
    if (!check_heat(frame, plane, style)) return;
    HeatPlane heat = plane;
    heat.values = bring(plane.values, plane, values_);
    if (plane.motion) heat.motion = bring(plane.motion, plane, motion_);
    blender_.blend(frame, heat, style, stream_.get());
  }

  void end() override { there_.release(frame_, stream_.get()); }
  Device device() const override { return device_; }

 private:
  const float* bring(const float* cells, const HeatPlane& plane, DeviceBuffer& memory) {
    const size_t bytes = size_t(plane.h) * size_t(plane.w) * sizeof(float);
    memory.reserve(bytes);
    copy_async(memory.data(), cells, bytes, stream_.get());
    return memory.as<float>();
  }

  Device device_;
  CudaStream stream_;
  DeviceFrame there_;
  CudaHeatBlender blender_;
  DeviceBuffer values_, motion_;
  Frame frame_;  // of begin()
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::DeviceCanvas* tubecam_make_device_canvas(tubecam::Device device) {
  return new tubecam::CudaCanvas(device);
}
