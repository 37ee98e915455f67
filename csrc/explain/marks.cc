#include "explain/marks.h"

namespace tubecam {
namespace {

// A mark's words, or an empty string where the explanation does not bear it.
using Words = std::string (*)(const Explanation&);

struct Rule {
  const char* key;
  Words words;
};

std::string not_class_specific(const Explanation& e) {
  return e.receipt.class_specific == false ? "not class-specific" : "";
}

std::string class_dependence_unknown(const Explanation& e) {
  return e.receipt.class_specific ? "" : "class dependence unknown";
}

std::string drifts(const Explanation& e) {
  return e.receipt.drifts ? "int8, not the map of float32" : "";
}

std::string downgraded(const Explanation& e) {
  const std::string& wanted = e.receipt.downgraded_from;
  return wanted.empty() ? "" : "too slow for " + wanted;
}

// "cuda:0: what failed there" → the device alone.
std::string fell_back(const Explanation& e) {
  const std::string& lost = e.receipt.fell_back_from;
  return lost.empty() ? "" : "on the CPU in place of " + lost.substr(0, lost.find(": "));
}

constexpr Rule kRules[] = {
    {"not-class-specific", not_class_specific},
    {"class-dependence-unknown", class_dependence_unknown},
    {"drifts", drifts},
    {"downgraded", downgraded},
    {"fell-back", fell_back},
};

}  // namespace

std::vector<Mark> marks(const Explanation& explanation) {
  std::vector<Mark> found;
  for (const Rule& rule : kRules) {
    const std::string text = rule.words(explanation);
    if (!text.empty()) found.push_back({rule.key, text});
  }
  return found;
}

const std::vector<std::string>& mark_keys() {
  static const auto& keys = *[] {
    auto* names = new std::vector<std::string>;
    for (const Rule& rule : kRules) names->push_back(rule.key);
    return names;
  }();
  return keys;
}

}  // namespace tubecam
