#include "base/cuda/external_array_sync.h"

#include <map>
#include <memory>
#include <mutex>

namespace tubecam {

// Never destroyed: CUDA may be gone before them.
DeviceInbox& device_inbox(Device device) {
  static std::mutex& mutex = *new std::mutex;
  static auto& inboxes = *new std::map<int, std::unique_ptr<DeviceInbox>>;
  using Twin = DeviceInbox*(Device);
  const auto make = device_function<Twin>(device, "tubecam_make_device_inbox");
  std::lock_guard<std::mutex> lock(mutex);
  auto& inbox = inboxes[device.index];
  if (!inbox) inbox.reset(make(device));
  return *inbox;
}

}  // namespace tubecam
