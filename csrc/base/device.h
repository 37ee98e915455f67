// Where memory lives and kernels run: two values and one switch.
#pragma once

#include <string>

#include "base/export.h"

namespace tubecam {

enum class DeviceType { kCpu, kCuda };

struct TUBECAM_API Device {
  DeviceType type = DeviceType::kCpu;
  int index = 0;

  // Reads "cpu", "cuda" or "cuda:N". Throws kUsage on anything else.
  static Device parse(const std::string& text);
  std::string to_string() const;
};

inline bool operator==(Device a, Device b) { return a.type == b.type && a.index == b.index; }
inline bool operator!=(Device a, Device b) { return !(a == b); }

// Note [Device library]
// CUDA's kernels live in libtubecam_cuda.so, which is loaded when a CUDA device is first asked for:
// one build serves machines with and without a GPU. It carries CUDA's runtime in itself and needs
// nothing but NVIDIA's driver. A kernel's dispatch finds its CUDA implementation
// there by name.

// Throws kUnavailable when kernels for `device` cannot run: they were not built (names the CMake
// option), there is no driver, it is too old, or there is no such GPU.
TUBECAM_API void require_kernels(Device device);

// A function that libtubecam_cuda.so exports as extern "C" `name`. Throws as require_kernels().
TUBECAM_API void* device_symbol(Device device, const char* name);

template <typename Function>
Function* device_function(Device device, const char* name) {
  return reinterpret_cast<Function*>(device_symbol(device, name));
}

}  // namespace tubecam
