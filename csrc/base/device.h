// Where memory lives and kernels run: two values and one switch.
#pragma once

#include <string>

namespace tubecam {

enum class DeviceType { kCpu, kCuda };

struct Device {
  DeviceType type = DeviceType::kCpu;
  int index = 0;

  // Reads "cpu", "cuda" or "cuda:N". Throws kUsage on anything else.
  static Device parse(const std::string& text);
  std::string to_string() const;
};

// Throws kUnavailable naming the CMake option when kernels for `device` were not built.
void require_kernels(Device device);

}  // namespace tubecam
