// What full colour stands for: an absolute measure beside the stream's own.
#pragma once

#include <string>

#include "base/export.h"
#include "explain/tube/tube.h"

namespace tubecam {

// Note [Full heat]
// A cell has full colour when it holds kFullShares times an even share of what the window's
// evidence amounts to, as if all of it lay in a sixth of the clip; or, where a stream's peaks are
// higher, when it holds as much as those.
// The evidence amounts to the greatest of: the decision, which is the target's logit, less the
// baseline's where relevance is relative to one; the sum of the relevance above zero; and one
// logit, which makes a class e times as likely as another (a head of plain scores has no such
// measure).
// So a tube looks weak where it is flat, where it sums to a small part of the logit, and where the
// logit itself is small.
// Relevance in another unit than the head's (bundle/method_table.h) is measured by its own sum
// alone. A tube's peak has a heat of at least 1/kFaintest: what is weak is faint, and not gone.
constexpr double kFullShares = 6;
constexpr float kFaintest = 3;
constexpr int kCellsPerOutlier = 200;

// What the relevance of one window amounts to.
struct TUBECAM_API Evidence {
  float peak = 0;       // of its cells, but for one in 200: single pixels are no scale
  double positive = 0;  // the sum of all above 0; what is not finite counts as 0
  double decision = 0;  // NaN: relevance has another unit
  std::string unit = "logit";
  int cells = 1, slices = 1;  // of the tube

  double amount() const;
};

// unit, logit, baseline_logit: the receipt's.
TUBECAM_API Evidence weigh(const TubeView& tube, const std::string& unit, double logit,
                           double baseline_logit);

// Relevance of full colour: of a cell, and of the tube's sum over space at one time, where full is
// twice an even share and the curve's greatest value is `curve_peak`.
TUBECAM_API float full_heat(const Evidence& evidence);
TUBECAM_API float full_curve(const Evidence& evidence, float curve_peak);

// "0.078 logits (1.9 % of 4.1)" or, in another unit, "6.0 times an even share".
TUBECAM_API std::string describe_full(float full, const Evidence& evidence);

}  // namespace tubecam
