#include "base/device.h"

#include "base/error.h"

namespace tubecam {

namespace {

constexpr char kCudaPrefix[] = "cuda:";

bool is_device_index(const std::string& text) {
  return !text.empty() && text.size() <= 3 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Device Device::parse(const std::string& text) {
  if (text == "cpu") return {DeviceType::kCpu, 0};
  if (text == "cuda") return {DeviceType::kCuda, 0};
  if (text.rfind(kCudaPrefix, 0) == 0) {
    const std::string index = text.substr(sizeof(kCudaPrefix) - 1);
    if (is_device_index(index)) return {DeviceType::kCuda, std::stoi(index)};
  }
  fail(ErrorCode::kUsage, "device '", text, "' is not known; use cpu, cuda or cuda:N");
}

std::string Device::to_string() const {
  return type == DeviceType::kCpu ? "cpu" : kCudaPrefix + std::to_string(index);
}

void require_kernels(Device device) {
  check(device.type == DeviceType::kCpu, ErrorCode::kUnavailable, "device ", device.to_string(),
        " needs CUDA kernels, which this build does not have; build with -DTUBECAM_CUDA=ON or use "
        "device cpu");
}

}  // namespace tubecam
