#include "explain/receipt/scores.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tubecam {
namespace {

constexpr float kPresent = 0.5f;

void softmax(std::vector<double>* values) {
  const double most = *std::max_element(values->begin(), values->end());
  double sum = 0;
  for (double& value : *values) sum += value = std::exp(value - most);
  for (double& value : *values) value /= sum;
}

}  // namespace

std::vector<float> scores_of(const std::vector<float>& logits, HeadKind head) {
  std::vector<double> values(logits.begin(), logits.end());
  if (head == HeadKind::kSoftmax) {
    softmax(&values);
  } else if (head == HeadKind::kSigmoid) {
    for (double& value : values) value = 1 / (1 + std::exp(-value));
  }
  return {values.begin(), values.end()};
}

std::string score_text(float score, HeadKind head) {
  if (!std::isfinite(score)) return "";
  if (head != HeadKind::kScores)
    return std::to_string(std::lround(100 * std::clamp(score, 0.0f, 1.0f))) + " %";
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", double{score});
  return text;
}

std::vector<size_t> present_classes(const std::vector<float>& scores, HeadKind head) {
  std::vector<size_t> present;
  if (head != HeadKind::kSigmoid) return present;
  for (size_t i = 0; i < scores.size(); ++i)
    if (scores[i] > kPresent) present.push_back(i);
  std::stable_sort(present.begin(), present.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return present;
}

std::string also_present(const std::vector<float>& scores, HeadKind head, int64_t label,
                         const std::vector<std::string>& labels) {
  std::string also;
  for (const size_t i : present_classes(scores, head)) {
    if (int64_t(i) == label) continue;
    also += (also.empty() ? "" : ", ") + labels[i] + " " + score_text(scores[i], head);
  }
  return also;
}

}  // namespace tubecam
