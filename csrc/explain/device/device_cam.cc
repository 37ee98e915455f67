#include "explain/device/device_cam.h"

#include <algorithm>

#include "base/error.h"

namespace tubecam {

CamStats DeviceCam::copy_to(float* values) const {
  std::copy_n(tube(), num_elements(device_tube().shape), values);
  return stats();
}

void DeviceTube::check_current() const {
  check(is_current(), ErrorCode::kUsage,
        "this tube has been overwritten on its device by a later window of the same explainer; "
        "hand it out before that, or read the explanation's `tube`, which is in system memory");
}

std::shared_ptr<float> DeviceTube::copy() const {
  check_current();
  std::shared_ptr<float> made = owner->copy_on_device();
  check_current();  // a window of another thread may have begun meanwhile
  return made;
}

std::unique_ptr<DeviceCam> make_device_cam(const DeviceCamSpec& spec) {
  using CudaFunction = DeviceCam*(const DeviceCamSpec&);
  return std::unique_ptr<DeviceCam>(
      device_function<CudaFunction>(spec.device, "tubecam_make_device_cam")(spec));
}

std::shared_ptr<const DeviceCam> CamEpilogue::follow(Engine& engine, const Bundle& bundle,
                                                     const GraphSpec& graph, Device device,
                                                     const std::string& method) {
  const bool in_system_memory = graph.layers.size() > 1 || graph.gives_input_gradient();
  if (device.type == DeviceType::kCpu || in_system_memory) return nullptr;
  if (cam_ && method_ == method) return cam_->begin_window(), cam_;
  // A graph that gives relevance itself is computed for one method alone.
  const CamMethod rule = graph.gives_relevance() ? CamMethod::kCam : parse_cam_method(method);
  auto cam = make_device_cam({device, rule, graph.grid(), bundle.clip.length});
  cam->begin_window();
  engine.follow_with([cam = cam.get()](const EngineOutputs& outputs, CUstream_st* stream) {
    cam->enqueue(outputs, stream);
  });
  cam_ = std::move(cam);
  method_ = method;
  return cam_;
}

}  // namespace tubecam
