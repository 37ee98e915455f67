#include <numeric>
#include <vector>

#include "base/cuda/cuda.h"
#include "base/error.h"
#include "clip/frame/frame_cuda.h"
#include "clip/frame_ring.h"
#include "clip/preprocess/preprocess_cuda.h"

// Note [Order on a GPU]
// All of a ring's work is on its one stream: upload, preprocess, unroll. So a slot is not written
// before the clip that reads it is made. A clip's reader waits for its event; that the reader is
// done before the clip is made again is the caller's to see to, as in system memory.

namespace tubecam {
namespace {

struct DeviceClip {
  DeviceBuffer memory;
  CudaEvent ready;
  explicit DeviceClip(size_t bytes) : memory(bytes) {}
};

class CudaFrameRing final : public FrameRing {
 public:
  CudaFrameRing(const ClipSpec& spec, Device device)
      : spec_(spec),
        device_(device),
        preprocessor_(spec),
        slice_bytes_(size_t(3) * spec.height * spec.width * sizeof(float)),
        slices_(spec.length * slice_bytes_),
        starts_(spec.length * sizeof(int32_t)) {
    std::vector<int32_t> starts(static_cast<size_t>(spec.length));
    std::iota(starts.begin(), starts.end(), 0);
    copy_async(starts_.data(), starts.data(), starts_.bytes(), stream_.get());
    stream_.synchronize();
  }

  void fill(const Frame& frame, const Rect& source, int64_t first, int64_t end) override {
    use_cuda(device_);
    const Frame& there = upload_.bring(frame, stream_.get());
    preprocessor_.run(there, source, slot(first), DType::kFloat32, stream_.get());
    upload_.release(frame, stream_.get());
    for (int64_t next = first + 1; next < end; ++next)
      copy_async(slot(next), slot(first), slice_bytes_, stream_.get());
  }

  void copy(int64_t from, int64_t to) override {
    use_cuda(device_);
    copy_async(slot(to), slot(from), slice_bytes_, stream_.get());
  }

  ClipBuffer make_clip() override {
    use_cuda(device_);
    const auto clip = std::make_shared<DeviceClip>(slices_.bytes());
    const TensorView view = {clip->memory.data(), DType::kFloat32, clip_shape(spec_), device_,
                             clip->ready.get()};
    return {view, clip};
  }

  void copy_to(int64_t oldest, const TensorView& clip) override {
    use_cuda(device_);
    unroll(oldest, clip.data);
    record_event(clip.ready, stream_.get());
  }

  void copy_to(int64_t oldest, float* clip) override {
    use_cuda(device_);
    const DeviceBuffer there(slices_.bytes());
    unroll(oldest, there.data());
    copy_async(clip, there.data(), there.bytes(), stream_.get());
    stream_.synchronize();
  }

 private:
  char* slot(int64_t index) {
    return slices_.as<char>() + size_t(index % spec_.length) * slice_bytes_;
  }
  void unroll(int64_t oldest, void* clip) {
    unroll_ring(slices_.data(), slice_bytes_, spec_.length,
                starts_.as<int32_t>() + oldest % spec_.length, clip, stream_.get());
  }

  ClipSpec spec_;
  Device device_;
  CudaPreprocessor preprocessor_;
  size_t slice_bytes_;
  DeviceBuffer slices_;  // [T, 3, H, W] float32
  DeviceBuffer starts_;  // [T] 0 … T − 1: `oldest` of unroll_ring() is read on the device
  CudaStream stream_;
  StagedFrame upload_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::FrameRing* tubecam_make_frame_ring(const tubecam::ClipSpec& spec,
                                                                   tubecam::Device device) {
  tubecam::use_cuda(device);
  return new tubecam::CudaFrameRing(spec, device);
}
