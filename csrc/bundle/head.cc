#include "bundle/head.h"

#include <algorithm>

#include "base/error.h"

namespace tubecam {

const std::vector<std::string>& head_kind_names() {
  static const auto& names = *new std::vector<std::string>{"softmax", "sigmoid", "scores"};
  return names;
}

const std::vector<std::string>& head_unit_names() {
  static const auto& names = *new std::vector<std::string>{"logit", "log-probability", "score"};
  return names;
}

HeadKind parse_head_kind(const std::string& name) {
  const auto& names = head_kind_names();
  const auto found = std::find(names.begin(), names.end(), name);
  check(found != names.end(), ErrorCode::kUsage, "unknown head \"", name,
        "\": choose softmax, sigmoid or scores");
  return HeadKind(found - names.begin());
}

const char* to_string(HeadKind kind) { return head_kind_names().at(size_t(kind)).c_str(); }

}  // namespace tubecam
