#include "clip/frame_ring.h"

#include <algorithm>
#include <vector>

#include "clip/preprocess/preprocess.h"

namespace tubecam {
namespace {

class HostSliceRing final : public SliceRing {
 public:
  explicit HostSliceRing(const ClipSpec& spec)
      : spec_(spec),
        preprocessor_(spec),
        slice_size_(size_t(3) * spec.height * spec.width),
        slices_(spec.length * slice_size_) {}

  void fill(const Frame& frame, const Rect& source, int64_t first, int64_t end) override {
    preprocessor_.run(frame, source, slot(first));
    for (int64_t next = first + 1; next < end; ++next)
      std::copy_n(slot(first), slice_size_, slot(next));
  }

  void copy(int64_t from, int64_t to) override { std::copy_n(slot(from), slice_size_, slot(to)); }

  ClipBuffer make_clip() override {
    const auto values = std::make_shared<std::vector<float>>(slices_.size());
    return {{values->data(), DType::kFloat32, clip_shape(spec_), {}}, values};
  }

  void copy_to(int64_t oldest, const TensorView& clip) override {
    copy_to(oldest, static_cast<float*>(clip.data));
  }

  void copy_to(int64_t oldest, float* clip) override {
    const auto begin = slices_.begin() + oldest % spec_.length * int64_t(slice_size_);
    std::rotate_copy(slices_.begin(), begin, slices_.end(), clip);
  }

 private:
  float* slot(int64_t index) { return slices_.data() + index % spec_.length * slice_size_; }

  ClipSpec spec_;
  Preprocessor preprocessor_;
  size_t slice_size_;          // 3·H·W
  std::vector<float> slices_;  // [T, 3, H, W]
};

}  // namespace

Shape clip_shape(const ClipSpec& spec) { return {1, spec.length, 3, spec.height, spec.width}; }

std::unique_ptr<SliceRing> make_slice_ring(const ClipSpec& spec, Device device) {
  check_clip_spec(spec);
  if (device.type == DeviceType::kCpu) return std::make_unique<HostSliceRing>(spec);
  using Twin = SliceRing*(const ClipSpec&, Device);
  return std::unique_ptr<SliceRing>(
      device_function<Twin>(device, "tubecam_make_slice_ring")(spec, device));
}

}  // namespace tubecam
