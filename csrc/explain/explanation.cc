#include "explain/explanation.h"

#include <algorithm>

namespace tubecam {

TubeView Explanation::view() const {
  return {tube.data(), shape[0], shape[1], shape[2], stride, offset};
}

void Explanation::fuse(RelevanceSignal* stream) {
  if (!valid) return;
  for (const RelevanceSignal::Sample& sample : stream->add(window, curve.data())) {
    signal_pts.push_back(sample.pts);
    signal.push_back(sample.value);
  }
  // Alone in its video, and its filled slices share one time, or have one beyond the end.
  if (window.sampling.padded > 0) return;
  for (const int64_t pts : window.pts) fused_curve.push_back(stream->at(pts));
}

double slice_at(const Window& window, int64_t pts) {
  const auto& times = window.pts;
  if (times.empty() || pts < times.front()) return 0;
  const auto after = std::upper_bound(times.begin(), times.end(), pts);
  const double index = double(after - times.begin()) - 1;
  if (after == times.end()) return index;
  return index + double(pts - after[-1]) / double(*after - after[-1]);
}

}  // namespace tubecam
