#include "explain/receipt/unit.h"

#include "bundle/method_table.h"

namespace tubecam {

std::string unit_of(const std::string& method, const Head& head) {
  const Method* found = find_method(method);
  const MethodUnit unit = found ? found->unit : MethodUnit::kPart;
  if (unit == MethodUnit::kPerInput) return head.unit + " per input";
  if (unit == MethodUnit::kShare) return "share";
  return unit == MethodUnit::kNone ? "none" : head.unit;
}

}  // namespace tubecam
