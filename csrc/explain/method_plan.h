// How a method is computed from what a bundle's graphs give.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/bundle.h"
#include "bundle/method_table.h"

namespace tubecam {

struct MethodPlan {
  size_t graph = 0;
  std::string base;  // the graph's method behind it
  PlanKind kind = PlanKind::kOnePass;
};

// The methods of motion are made of another one of the bundle: the splits of its default method,
// selective relevance of its first relevance to the input, else of its default method.
// Throws kUsage naming the methods that the bundle offers.
TUBECAM_API MethodPlan plan_method(const Bundle& bundle, const std::string& method);

// Every method that the bundle offers: its graphs' own, then those of motion.
TUBECAM_API std::vector<std::string> offered_methods(const Bundle& bundle);

}  // namespace tubecam
