#include "explain/methods/conservation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bundle/method_table.h"

namespace tubecam {
namespace {

constexpr double kNearZero = 1e-3;  // of the greatest logit

}  // namespace

double conservation(const std::string& method, double relevance_sum,
                    const std::vector<float>& logits, double logit) {
  const Method* found = find_method(method);
  const bool whole = found && found->unit == MethodUnit::kWhole;
  if (!whole) return std::numeric_limits<double>::quiet_NaN();
  return share_of_difference(relevance_sum, logits, logit, 0);
}

double share_of_difference(double relevance_sum, const std::vector<float>& logits, double logit,
                           double baseline_logit) {
  double greatest = 0;
  for (const float value : logits) greatest = std::max(greatest, std::abs(double{value}));
  const double shared = logit - baseline_logit;
  const bool measurable = std::abs(shared) > kNearZero * greatest && std::isfinite(relevance_sum);
  return measurable ? relevance_sum / shared : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tubecam
