#include "explain/tube/relevance_signal.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr size_t kMaxBins = 4096;  // more than any window has

// Of sampled frame 0 … n − 1, also between them: 1 in the middle, 2/(n + 1) at the ends.
double triangle(double slice, size_t n) {
  const double half = (static_cast<double>(n) + 1) / 2;
  return 1 - std::abs(slice + 1 - half) / half;
}

double finite_or_zero(double value) { return std::isfinite(value) ? value : 0; }

}  // namespace

RelevanceSignal::RelevanceSignal(double sample_fps) : step_(1e9 / sample_fps) {
  check(sample_fps > 0 && std::isfinite(sample_fps), ErrorCode::kUsage,
        "a relevance signal needs a positive number of slices a second, not ", sample_fps);
}

int64_t RelevanceSignal::pts_of(int64_t bin) const {
  return origin_ + std::llround(static_cast<double>(bin) * step_);
}

// Times of sampled frames are rounded to nanoseconds: a bin a little earlier is meant.
int64_t RelevanceSignal::bin_at_or_after(int64_t pts) const {
  return static_cast<int64_t>(std::ceil(static_cast<double>(pts - origin_) / step_ - 1e-3));
}

bool RelevanceSignal::continues(const Window& window) const {
  return !empty_ && window.segment == segment_ && window.pts.front() >= begin_ &&
         static_cast<double>(window.pts.front() - end_) <= 1.5 * step_;
}

std::vector<RelevanceSignal::Sample> RelevanceSignal::add(const Window& window,
                                                          const float* curve) {
  const std::vector<int64_t>& times = window.pts;
  check(!times.empty() && std::is_sorted(times.begin(), times.end()), ErrorCode::kUsage,
        "the times of a window must increase");
  std::vector<Sample> done;
  if (!continues(window)) {
    done = flush();
    origin_ = times.front();
  }
  segment_ = window.segment;
  begin_ = times.front();
  end_ = times.back();
  accumulate(times, curve);
  empty_ = false;
  const std::vector<Sample> more = take_before(begin_);
  done.insert(done.end(), more.begin(), more.end());
  return done;
}

void RelevanceSignal::accumulate(const std::vector<int64_t>& times, const float* curve) {
  size_t next = 0;
  for (int64_t bin = std::max(bin_at_or_after(begin_), first_bin_);
       pts_of(bin) <= end_ + step_ / 1e3; ++bin) {
    const size_t index = static_cast<size_t>(bin - first_bin_);
    if (index >= kMaxBins) return;
    const int64_t pts = std::clamp(pts_of(bin), begin_, end_);
    while (next + 1 < times.size() && times[next + 1] <= pts) ++next;
    const size_t after = std::min(next + 1, times.size() - 1);
    const double gap = static_cast<double>(times[after] - times[next]);
    const double share = gap > 0 ? static_cast<double>(pts - times[next]) / gap : 0;
    const double low = finite_or_zero(curve[next]), high = finite_or_zero(curve[after]);
    const double weight = triangle(static_cast<double>(next) + share, times.size());
    if (bins_.size() <= index) bins_.resize(index + 1);
    bins_[index].sum += weight * (low + share * (high - low));
    bins_[index].weight += weight;
  }
}

std::vector<RelevanceSignal::Sample> RelevanceSignal::take_before(int64_t end) {
  std::vector<Sample> done;
  for (; !bins_.empty() && first_bin_ < bin_at_or_after(end); ++first_bin_) {
    const Bin bin = bins_.front();
    bins_.pop_front();
    past_.push_back(bin);
    if (bin.weight > 0)
      done.push_back({pts_of(first_bin_), static_cast<float>(bin.sum / bin.weight)});
  }
  while (past_.size() > kMaxBins) past_.pop_front();
  return done;
}

std::vector<RelevanceSignal::Sample> RelevanceSignal::flush() {
  const std::vector<Sample> rest =
      empty_ ? std::vector<Sample>() : take_before(end_ + std::llround(2 * step_));
  reset();
  return rest;
}

void RelevanceSignal::reset() {
  bins_.clear();
  past_.clear();
  first_bin_ = begin_ = end_ = origin_ = 0;
  empty_ = true;
}

float RelevanceSignal::at(int64_t pts) const {
  const double place = static_cast<double>(pts - origin_) / step_;
  const int64_t oldest = first_bin_ - static_cast<int64_t>(past_.size());
  const auto value = [&](int64_t bin) {
    const bool known = bin >= oldest && bin < first_bin_ + static_cast<int64_t>(bins_.size());
    if (!known) return std::nan("");
    const Bin& found = bin < first_bin_ ? past_[bin - oldest] : bins_[bin - first_bin_];
    return found.weight > 0 ? found.sum / found.weight : std::nan("");
  };
  const int64_t before = static_cast<int64_t>(std::floor(place));
  const double low = value(before), high = value(before + 1);
  const double share = place - static_cast<double>(before);
  if (std::isnan(low) || share == 0)
    return static_cast<float>(finite_or_zero(share > 0 ? high : low));
  return static_cast<float>(std::isnan(high) ? low : low + share * (high - low));
}

std::vector<int> key_frames(const std::vector<float>& values, int apart) {
  std::vector<int> found;
  const int count = static_cast<int>(values.size());
  float most = 0;
  for (const float value : values) most = std::max(most, value);
  for (int i = 0; i < count; ++i) {
    if (!(values[i] > 0 && values[i] >= 0.5f * most)) continue;
    bool stands_out = true;
    for (int j = std::max(0, i - apart); j <= std::min(count - 1, i + apart); ++j)
      stands_out &= j < i ? values[j] < values[i] : !(values[j] > values[i]);
    if (stands_out) found.push_back(i);
  }
  return found;
}

}  // namespace tubecam
