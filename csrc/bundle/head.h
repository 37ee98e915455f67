// What a model's last tensor says: how scores follow from its logits, and what is explained.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"

namespace tubecam {

enum class HeadKind {
  kSoftmax,  // one of the classes: their probabilities sum to 1
  kSigmoid,  // each class by itself, yes or no
  kScores    // no probability: the values are shown as they are
};

struct Head {
  HeadKind kind = HeadKind::kSoftmax;
  // Of the explained value: "logit", "log-probability" (where a model averages probabilities, so
  // that there is no logit behind them) or "score".
  std::string unit = "logit";
};

// "softmax"; throws kUsage listing the names.
TUBECAM_API HeadKind parse_head_kind(const std::string& name);
TUBECAM_API const char* to_string(HeadKind kind);
TUBECAM_API const std::vector<std::string>& head_kind_names();  // in the order of HeadKind
TUBECAM_API const std::vector<std::string>& head_unit_names();

}  // namespace tubecam
