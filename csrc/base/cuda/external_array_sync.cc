#include "base/cuda/external_array_sync.h"

#include <map>
#include <memory>
#include <mutex>

namespace tubecam {

// Never destroyed: CUDA may be gone before them.
ExternalArraySync& external_array_sync(Device device) {
  static std::mutex& mutex = *new std::mutex;
  static auto& syncs = *new std::map<int, std::unique_ptr<ExternalArraySync>>;
  using CudaFunction = ExternalArraySync*(Device);
  const auto make = device_function<CudaFunction>(device, "tubecam_make_external_array_sync");
  std::lock_guard<std::mutex> lock(mutex);
  auto& sync = syncs[device.index];
  if (!sync) sync.reset(make(device));
  return *sync;
}

}  // namespace tubecam
