#include "overlay/heat/full_heat.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "bundle/head.h"

namespace tubecam {
namespace {

constexpr double kFullCurveShares = 2;

// NaN where relevance has another unit than the head.
double decision_of(const std::string& unit, double logit, double baseline_logit) {
  if (!find_choice(kHeadUnits, unit)) return std::numeric_limits<double>::quiet_NaN();
  const double decision = std::isnan(baseline_logit) ? logit : logit - baseline_logit;
  return std::isfinite(decision) ? decision : 0;
}

// The anchor, or the peak where that is higher, within kFaintest peaks.
float full_of(double even_share, double shares, double parts, float peak) {
  const auto anchor = static_cast<float>(even_share * std::min(shares, parts));
  return peak > 0 ? std::clamp(anchor, peak, kFaintest * peak) : anchor;
}

// Two significant digits, never an exponent.
std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1e", value);
  const int exponent = std::atoi(std::strchr(text, 'e') + 1);
  std::snprintf(text, sizeof text, "%.*f", std::clamp(1 - exponent, 0, 9), value);
  return text;
}

}  // namespace

double Evidence::amount() const {
  if (std::isnan(decision)) return positive;
  return std::max({std::abs(decision), positive, unit == "score" ? 0.0 : 1.0});
}

Evidence weigh(const TubeView& tube, const std::string& unit, double logit, double baseline_logit) {
  Evidence evidence;
  evidence.unit = unit;
  evidence.decision = decision_of(unit, logit, baseline_logit);
  evidence.slices = tube.t;
  evidence.cells = tube.t * tube.h * tube.w;
  std::vector<float> values;
  for (int i = 0; i < evidence.cells; ++i) {
    const float value = tube.values[i];
    if (!(value > 0) || !std::isfinite(value)) continue;
    values.push_back(value);
    evidence.positive += value;
  }
  const auto outliers = static_cast<size_t>(evidence.cells / kCellsPerOutlier);
  if (outliers < values.size()) {
    const auto peak = values.begin() + static_cast<long>(outliers);
    std::nth_element(values.begin(), peak, values.end(), std::greater<>());
    evidence.peak = *peak;
  }
  return evidence;
}

float full_heat(const Evidence& evidence) {
  const double cells = evidence.cells;
  return full_of(evidence.amount() / cells, kFullShares, cells, evidence.peak);
}

float full_curve(const Evidence& evidence, float curve_peak) {
  const double slices = evidence.slices;
  return full_of(evidence.amount() / slices, kFullCurveShares, slices, curve_peak);
}

std::string describe_full(float full, const Evidence& evidence) {
  if (std::isnan(evidence.decision)) {
    const double even = evidence.positive / evidence.cells;
    return even > 0 ? number(full / even) + " times an even share" : "";
  }
  const double part = full / std::abs(evidence.decision);
  const std::string words =
      number(full) + (evidence.unit == "logit" ? " logits" : " of " + evidence.unit);
  return part < 1 ? words + " (" + number(100 * part) + " % of " + number(evidence.decision) + ")"
                  : words;
}

}  // namespace tubecam
