#include "explain/device/clip_reader.h"

namespace tubecam {

std::unique_ptr<ClipReader> make_clip_reader(Device device) {
  using CudaFunction = ClipReader*(Device);
  return std::unique_ptr<ClipReader>(
      device_function<CudaFunction>(device, "tubecam_make_clip_reader")(device));
}

}  // namespace tubecam
