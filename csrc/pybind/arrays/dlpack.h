// DLPack's binary interface, as https://dmlc.github.io/dlpack/latest/c_api.html defines it (1.x).
#pragma once

#include <cstdint>

namespace tubecam::dlpack {

constexpr char kCapsule[] = "dltensor", kUsedCapsule[] = "used_dltensor";
constexpr char kVersionedCapsule[] = "dltensor_versioned";
constexpr char kUsedVersionedCapsule[] = "used_dltensor_versioned";
constexpr uint32_t kMajor = 1, kMinor = 0;
constexpr uint64_t kReadOnly = 1, kIsCopied = 2;  // of ManagedVersioned::flags

// Values of Device::type.
constexpr int32_t kCpu = 1, kCuda = 2, kCudaHost = 3, kCudaManaged = 13;
// Values of DataType::code.
constexpr uint8_t kInt = 0, kUInt = 1, kFloat = 2;

struct Device {
  int32_t type, id;
};
struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct Tensor {
  void* data;
  Device device;
  int32_t axes;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // elements; null: C-contiguous
  uint64_t byte_offset;
};
struct Managed {
  Tensor tensor;
  void* context;
  void (*deleter)(Managed*);
};
struct Version {
  uint32_t major, minor;
};
struct ManagedVersioned {
  Version version;
  void* context;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Tensor tensor;
};

}  // namespace tubecam::dlpack
