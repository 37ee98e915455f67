#include "clip/frame_ring.h"

#include <algorithm>
#include <vector>

#include "clip/preprocess/preprocess.h"

namespace tubecam {
namespace {

class HostFrameRing final : public FrameRing {
 public:
  explicit HostFrameRing(const ClipSpec& spec)
      : spec_(spec),
        preprocessor_(spec),
        frame_size_(size_t(3) * spec.height * spec.width),
        frames_(spec.length * frame_size_) {}

  void fill(const Frame& frame, const Rect& source, int64_t first, int64_t end) override {
    preprocessor_.run(frame, source, slot(first));
    for (int64_t next = first + 1; next < end; ++next)
      std::copy_n(slot(first), frame_size_, slot(next));
  }

  void copy(int64_t from, int64_t to) override { std::copy_n(slot(from), frame_size_, slot(to)); }

  ClipBuffer make_clip() override {
    const auto values = std::make_shared<std::vector<float>>(frames_.size());
    return {{values->data(), DType::kFloat32, clip_shape(spec_), {}}, values};
  }

  void copy_to(int64_t oldest, const TensorView& clip) override {
    copy_to(oldest, static_cast<float*>(clip.data));
  }

  void copy_to(int64_t oldest, float* clip) override {
    const auto begin = frames_.begin() + oldest % spec_.length * int64_t(frame_size_);
    std::rotate_copy(frames_.begin(), begin, frames_.end(), clip);
  }

 private:
  float* slot(int64_t index) { return frames_.data() + index % spec_.length * frame_size_; }

  ClipSpec spec_;
  Preprocessor preprocessor_;
  size_t frame_size_;          // 3·H·W
  std::vector<float> frames_;  // [T, 3, H, W]
};

}  // namespace

Shape clip_shape(const ClipSpec& spec) { return {1, spec.length, 3, spec.height, spec.width}; }

std::unique_ptr<FrameRing> make_frame_ring(const ClipSpec& spec, Device device) {
  check_clip_spec(spec);
  if (device.type == DeviceType::kCpu) return std::make_unique<HostFrameRing>(spec);
  using CudaFunction = FrameRing*(const ClipSpec&, Device);
  return std::unique_ptr<FrameRing>(
      device_function<CudaFunction>(device, "tubecam_make_frame_ring")(spec, device));
}

}  // namespace tubecam
