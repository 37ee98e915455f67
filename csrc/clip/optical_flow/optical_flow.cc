#include "clip/optical_flow/optical_flow.h"

#include "base/error.h"
#include "base/library.h"

namespace tubecam {
namespace {

constexpr char kLibrary[] = "libtubecam_flow.so";
constexpr char kPackage[] = "libopencv-video-dev";

}  // namespace

std::unique_ptr<OpticalFlow> make_optical_flow(int height, int width, Device device) {
  check(height >= kLeastFlowSide && width >= kLeastFlowSide, ErrorCode::kUsage,
        "optical flow needs clips of at least ", kLeastFlowSide, "x", kLeastFlowSide, ", not ",
        height, "x", width);
  check(device.type == DeviceType::kCpu, ErrorCode::kUnavailable,
        "optical flow is computed on the device cpu, not on ", device.to_string());
  const std::string path = (own_folder() / kLibrary).string();
  check(std::filesystem::exists(path), ErrorCode::kUnavailable,
        "the model takes optical flow, and this build has none: there is no ", path,
        ". Install OpenCV (apt install ", kPackage, ") and build tubecam with -DTUBECAM_FLOW=ON");
  auto* entry = reinterpret_cast<OpticalFlowEntry*>(
      load_symbol(path, "tubecam_make_optical_flow", "optical flow",
                  "it is OpenCV's: apt install libopencv-video-dev"));
  return std::unique_ptr<OpticalFlow>(entry(height, width));
}

}  // namespace tubecam
