#include <algorithm>

#include "base/cuda/kernel.cuh"
#include "explain/device/clip_reader.h"

namespace tubecam {
namespace {

struct FiniteCheck {
  const float* values;
  int64_t count;
  unsigned* found;  // 0, or 1 where a value is not finite
};

__global__ void finite_kernel(FiniteCheck p) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x;
  bool finite = true;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count; i += step)
    finite &= is_finite(p.values[i]);
  if (!finite) *p.found = 1;  // by whichever thread: all write the same
}

class CudaClipReader final : public ClipReader {
 public:
  explicit CudaClipReader(Device device)
      : device_(device), found_(sizeof(unsigned)), host_found_(sizeof(unsigned)) {}

  TensorView check_finite_async(const TensorView& clip) override {
    use_cuda(device_);
    constexpr int64_t kThreads = 256, kMostBlocks = 512;
    const int64_t count = num_elements(clip.shape);
    const auto blocks =
        unsigned(std::clamp((count + kThreads - 1) / kThreads, int64_t(1), kMostBlocks));
    if (clip.ready) wait_for_event(clip.ready, stream_.get());
    zero_async(found_.data(), found_.bytes(), stream_.get());
    launch("while a clip was checked", finite_kernel, blocks, unsigned(kThreads), 0, stream_.get(),
           FiniteCheck{static_cast<const float*>(clip.data), count, found_.as<unsigned>()});
    copy_async(host_found_.data(), found_.data(), found_.bytes(), stream_.get());
    looked_.record(stream_.get());
    TensorView seen = clip;
    seen.ready = looked_.get();
    return seen;
  }

  bool finite() override {
    use_cuda(device_);
    if (!looked_.reached()) looked_.synchronize();
    return *host_found_.as<unsigned>() == 0;
  }

  const float* download(const TensorView& clip) override {
    use_cuda(device_);
    const size_t bytes = size_t(num_elements(clip.shape)) * sizeof(float);
    host_.reserve(bytes);
    if (clip.ready) wait_for_event(clip.ready, stream_.get());
    copy_async(host_.data(), clip.data, bytes, stream_.get());
    stream_.synchronize();
    return host_.as<float>();
  }

 private:
  Device device_;
  DeviceBuffer found_;
  PinnedBuffer host_found_, host_;
  CudaStream stream_;
  CudaEvent looked_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::ClipReader* tubecam_make_clip_reader(tubecam::Device device) {
  tubecam::use_cuda(device);
  return new tubecam::CudaClipReader(device);
}
