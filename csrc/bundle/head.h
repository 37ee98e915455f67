// What a model's last tensor says: how scores follow from its logits, and what is explained.
#pragma once

#include <string>

#include "base/choice.h"

namespace tubecam {

enum class HeadKind { kSoftmax, kSigmoid, kScores };

inline constexpr Choice<HeadKind> kHeadKinds[] = {
    {HeadKind::kSoftmax, "softmax", "One of the classes: their probabilities sum to 1"},
    {HeadKind::kSigmoid, "sigmoid", "Each class by itself, yes or no"},
    {HeadKind::kScores, "scores", "No probability: the values are shown as they are"},
};

// Of the explained value.
inline constexpr Word kHeadUnits[] = {
    {"logit", "What the model gives before its scores"},
    {"log-probability", "Of a model that averages probabilities: no logit is behind them"},
    {"score", "The model's value as it is"},
};

struct Head {
  HeadKind kind = HeadKind::kSoftmax;
  std::string unit = kHeadUnits[0].name;
};

// Throws kUsage listing the names.
inline HeadKind parse_head_kind(const std::string& name) {
  return choose(kHeadKinds, "head", name).value;
}
inline const char* to_string(HeadKind kind) { return name_of(kHeadKinds, kind); }

}  // namespace tubecam
