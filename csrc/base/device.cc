#include "base/device.h"

#include <dlfcn.h>

#include "base/error.h"
#include "base/library.h"

namespace tubecam {

namespace {

constexpr char kCudaPrefix[] = "cuda:";
constexpr char kLibrary[] = "libtubecam_cuda.so";
constexpr char kRequire[] = "tubecam_require_cuda";

bool is_device_index(const std::string& text) {
  return !text.empty() && text.size() <= 3 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

// A process that has the library already, linked or loaded for all to see, is taken at its word.
void* find_symbol(Device device, const char* name) {
  if (void* present = dlsym(RTLD_DEFAULT, name)) return present;
  const auto path = own_folder() / kLibrary;
  check(std::filesystem::exists(path), ErrorCode::kUnavailable, "device ", device.to_string(),
        " needs CUDA kernels, which this build does not have; build with -DTUBECAM_CUDA=ON or use "
        "device cpu");
  return load_symbol(path.string(), name, "library of CUDA kernels",
                     "Build tubecam again with -DTUBECAM_CUDA=ON");
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
  if (device.type == DeviceType::kCpu) return;
  using Require = void(int index);
  static const auto require = reinterpret_cast<Require*>(find_symbol(device, kRequire));
  require(device.index);
}

void* device_symbol(Device device, const char* name) {
  require_kernels(device);
  return find_symbol(device, name);
}

}  // namespace tubecam
