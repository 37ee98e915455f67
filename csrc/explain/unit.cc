#include "explain/unit.h"

#include <map>

namespace tubecam {

std::string unit_of(const std::string& method, const Head& head) {
  static const auto& others = *new std::map<std::string, std::string>{
      {"sensitivity", "per input"}, {"smoothgrad", "per input"}, {"attention-rollout", "share"},
      {"deconvolution", "none"},    {"guided-backprop", "none"},
  };
  const auto found = others.find(method);
  if (found == others.end()) return head.unit;
  return found->second == "per input" ? head.unit + " per input" : found->second;
}

}  // namespace tubecam
