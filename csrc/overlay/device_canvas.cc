#include "overlay/device_canvas.h"

namespace tubecam {

std::unique_ptr<DeviceCanvas> make_device_canvas(Device device) {
  using CudaFunction = DeviceCanvas*(Device);
  return std::unique_ptr<DeviceCanvas>(
      device_function<CudaFunction>(device, "tubecam_make_device_canvas")(device));
}

}  // namespace tubecam
