// What the model says of each class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/head.h"

namespace tubecam {

// From finite logits [K]: probabilities 0…1 of the heads softmax and sigmoid, in float64 and
// without overflow; else the logits themselves.
TUBECAM_API std::vector<float> scores_of(const std::vector<float>& logits, HeadKind head);

// "53 %", or "2.31" where the head gives no probability; empty where it is not finite.
TUBECAM_API std::string score_text(float score, HeadKind head);

// Of a head that judges each class by itself, those that are there more likely than not, most
// likely first; empty for other heads.
TUBECAM_API std::vector<size_t> present_classes(const std::vector<float>& scores, HeadKind head);

// The same but for the label, for people: "juggling 61 %, running 55 %".
std::string also_present(const std::vector<float>& scores, HeadKind head, int64_t label,
                         const std::vector<std::string>& labels);

}  // namespace tubecam
