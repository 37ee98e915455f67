#include "clip/optical_flow/clip_flow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr std::array<float, 3> kLuma = {0.299f, 0.587f, 0.114f};  // of R, G, B

size_t frames_of(const ClipSpec& spec) {
  check(spec.length >= 2, ErrorCode::kUsage,
        "optical flow is between slices: a clip needs at least 2, not ", spec.length);
  return size_t(spec.length);
}

}  // namespace

ClipFlow::ClipFlow(const ClipSpec& spec, std::unique_ptr<OpticalFlow> engine)
    : spec_(spec),
      engine_(engine ? std::move(engine) : make_optical_flow(spec.height, spec.width)),
      pixels_(size_t(spec.height) * size_t(spec.width)),
      grey_(frames_of(spec) * pixels_),
      before_(grey_.size()),
      flow_((frames_of(spec) - 1) * 2 * pixels_),
      flow_before_(flow_.size()) {}

void ClipFlow::turn_grey(const float* sampled, uint8_t* grey) const {
  std::array<float, 3> factor{};
  float offset = 0.5f;
  for (size_t channel = 0; channel < 3; ++channel) {
    const float luma = 255 * kLuma[spec_.color == ColorOrder::kRgb ? channel : 2 - channel];
    factor[channel] = luma * spec_.std[channel];
    offset += luma * spec_.mean[channel];
  }
  const float *a = sampled, *b = sampled + pixels_, *c = sampled + 2 * pixels_;
  for (size_t i = 0; i < pixels_; ++i) {
    const float value = offset + factor[0] * a[i] + factor[1] * b[i] + factor[2] * c[i];
    grey[i] = uint8_t(std::clamp(value, 0.0f, 255.0f));
  }
}

bool ClipFlow::stands_still() const {
  const auto frames_left = grey_.size() - pixels_;
  return std::memcmp(grey_.data(), grey_.data() + pixels_, frames_left) == 0;
}

// Whether sampled frames before, before + 1 of the last window are now, now + 1 of this one.
bool ClipFlow::same(int before, int now) const {
  if (!remembers_ || before + 1 >= spec_.length) return false;
  return std::memcmp(before_.data() + size_t(before) * pixels_,
                     grey_.data() + size_t(now) * pixels_, 2 * pixels_) == 0;
}

// Where the last window had the sampled frames now, now + 1; its length where it had not. Windows
// overlap in one piece, so the place behind the last find is tried first.
int ClipFlow::find(int now, int guess) const {
  if (same(guess, now)) return guess;
  int place = 0;
  while (place < spec_.length && !same(place, now)) ++place;
  return place;
}

void ClipFlow::compute(int now, float* flow) {
  const uint8_t* from = grey_.data() + size_t(now) * pixels_;
  engine_->run(from, from + pixels_, flow);
  const float bound = spec_.flow.bound, scale = spec_.flow.scale;
  for (size_t i = 0; i < 2 * pixels_; ++i) flow[i] = std::clamp(flow[i], -bound, bound) * scale;
  ++computed_;
}

TensorView ClipFlow::view(std::vector<float>& flow) const {
  const Shape shape = {1, spec_.length - 1, 2, spec_.height, spec_.width};
  return {flow.data(), DType::kFloat32, shape, Device{}};
}

TensorView ClipFlow::run(const float* clip) {
  for (int i = 0; i < spec_.length; ++i)
    turn_grey(clip + size_t(i) * 3 * pixels_, grey_.data() + size_t(i) * pixels_);
  if (stands_still()) {
    none_.resize(flow_.size());
    return view(none_);
  }
  int found = 0;  // in the last window
  for (int i = 0; i + 1 < spec_.length; ++i) {
    float* flow = flow_.data() + size_t(i) * 2 * pixels_;
    found = find(i, found);
    if (found < spec_.length) {
      std::copy_n(flow_before_.data() + size_t(found) * 2 * pixels_, 2 * pixels_, flow);
      ++found;
    } else {
      compute(i, flow);
    }
  }
  std::swap(grey_, before_);
  std::swap(flow_, flow_before_);
  remembers_ = true;
  return view(flow_before_);
}

}  // namespace tubecam
