#include "clip/sampling.h"

#include <algorithm>

#include "base/error.h"

namespace tubecam {

const std::vector<std::string>& padding_names() {
  static const auto& names = *new std::vector<std::string>{"none", "last", "loop"};
  return names;
}

Padding parse_padding(const std::string& name) {
  const auto& names = padding_names();
  const auto found = std::find(names.begin(), names.end(), name);
  check(found != names.end(), ErrorCode::kUsage, "unknown padding \"", name,
        "\": choose none, last or loop");
  return static_cast<Padding>(found - names.begin());
}

}  // namespace tubecam
