// How much of a logit an explanation accounts for.
#pragma once

#include <string>
#include <vector>

namespace tubecam {

// Σ relevance / logit of the target; 1 less this is the share that the biases took. NaN where that
// means nothing: the method shares out something else than the logit, or the logit is zero within a
// thousandth of the greatest, so that nothing is divided by it.
double conservation(const std::string& method, double relevance_sum,
                    const std::vector<float>& logits, double logit);

// The same of a difference of logits: of the clip and of the one that relevance is relative to.
double share_of_difference(double relevance_sum, const std::vector<float>& logits, double logit,
                           double baseline_logit);

}  // namespace tubecam
