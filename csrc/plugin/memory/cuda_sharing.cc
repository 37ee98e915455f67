#include "plugin/memory/cuda_sharing.h"

#include <exception>

#include "plugin/memory/memory_library.h"

namespace tubecam {

std::unique_ptr<CudaSharing> share_cuda(Device device) {
#ifdef TUBECAM_GST_CUDA
  if (device.type == DeviceType::kCpu) return nullptr;
  try {
    using Make = CudaSharing*(Device);
    return std::unique_ptr<CudaSharing>(
        memory_function<Make>(kCudaLibrary, "tubecam_share_cuda")(device));
  } catch (const std::exception& error) {  // the engine and the frame reader report it in full
    GST_INFO("no CUDA context is shared: %s", error.what());
  }
#else
  (void)device;
#endif
  return nullptr;
}

}  // namespace tubecam
