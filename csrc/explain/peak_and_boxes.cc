#include "explain/peak_and_boxes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tubecam {
namespace {

int64_t pts_at(const Window& window, double slice) {
  if (window.pts.empty()) return 0;
  const double last = double(window.pts.size() - 1);
  const double index = std::clamp(slice, 0.0, last);
  const size_t low = size_t(index), high = std::min(low + 1, window.pts.size() - 1);
  const double part = index - double(low);
  return window.pts[low] + int64_t(std::llround(part * double(window.pts[high] - window.pts[low])));
}

}  // namespace

void find_peak_and_boxes(const CamStats& stats, float threshold, const ClipSpec& spec,
                         Explanation* result) {
  const TubeView tube = result->view();
  temporal_curve(tube, spec.length, result->curve.data());
  const Box source = box_of(result->window.relative_source());
  const Peak peak = result->peak = tube_peak(tube, stats.peak);
  result->peak_pts = result->window.folded(pts_at(result->window, peak.slice));
  result->peak_point = {source.x + source.width * float((peak.x + 0.5) / spec.width),
                        source.y + source.height * float((peak.y + 0.5) / spec.height), 0, 0,
                        peak.value};
  if (stats.max <= 0) return;  // nothing speaks for the target, so there is nothing to frame
  std::vector<float> plane(size_t(tube.h) * size_t(tube.w));
  tube_plane(tube, peak.slice, plane.data());
  result->boxes = plane_boxes(plane.data(), tube, spec.height, spec.width, source,
                              std::max(threshold * stats.max, std::numeric_limits<float>::min()));
}

}  // namespace tubecam
