#include "explain/conservation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/bundle.h"

namespace tubecam {
namespace {

constexpr double kNearZero = 1e-3;  // of the greatest logit

}  // namespace

double conservation(const std::string& method, double relevance_sum,
                    const std::vector<float>& logits, double logit) {
  double greatest = 0;
  for (const float value : logits) greatest = std::max(greatest, std::abs(double{value}));
  const bool measurable = std::abs(logit) > kNearZero * greatest && std::isfinite(relevance_sum);
  if (!measurable || !shares_out_the_logit(method)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return relevance_sum / logit;
}

}  // namespace tubecam
