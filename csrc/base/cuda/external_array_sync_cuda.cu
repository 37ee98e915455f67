#include <cuda_runtime.h>

#include "base/cuda/cuda.h"
#include "base/cuda/external_array_sync.h"

namespace tubecam {
namespace {

class CudaExternalArraySync final : public ExternalArraySync {
 public:
  explicit CudaExternalArraySync(Device device) : device_(device) {}

  CUstream_st* stream() override { return stream_.get(); }

  void follow(CUstream_st* producer) override {
    use_cuda(device_);
    written_.record(producer);
    written_.block(stream_.get());
  }

  CUevent_st* ready() override {
    use_cuda(device_);
    ready_.record(stream_.get());
    return ready_.get();
  }

  void wait() override {
    use_cuda(device_);
    stream_.synchronize();
  }

  Device owner_of(const void* memory) override {
    cudaPointerAttributes attributes{};
    const cudaError_t error = cudaPointerGetAttributes(&attributes, memory);
    const bool unknown = error == cudaErrorInvalidValue;
    if (unknown) cudaGetLastError();  // what older toolkits say of memory that is not theirs
    if (!unknown) check_cuda(error, "to ask whose memory this is");
    const bool of_gpu =
        attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
    if (unknown || !of_gpu) return {};
    return {DeviceType::kCuda, attributes.device};
  }

 private:
  Device device_;
  CudaStream stream_;
  CudaEvent written_, ready_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::ExternalArraySync* tubecam_make_external_array_sync(
    tubecam::Device device) {
  tubecam::use_cuda(device);
  return new tubecam::CudaExternalArraySync(device);
}
