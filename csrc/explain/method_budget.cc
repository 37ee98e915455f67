#include "explain/method_budget.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "explain/method_plan.h"

namespace tubecam {
namespace {

// In comparison only.
int cost_of(const Bundle& bundle, const std::string& method) {
  const MethodPlan plan = plan_method(bundle, method);
  const GraphSpec& graph = bundle.graphs[plan.graph];
  if (plan.kind != PlanKind::kOnePass && plan.kind != PlanKind::kSelective) return 3;
  if (graph.gives_relevance() || graph.gives_input_gradient()) return 2;  // back to the input
  return graph.layers.front().weight.empty() ? 1 : 0;  // back to a layer, or not at all
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<std::string> fallback_methods(const Bundle& bundle, const std::string& method) {
  std::vector<std::string> methods = {method};
  int cost = cost_of(bundle, method);
  const std::vector<std::string> offered = offered_methods(bundle);
  for (const char* cheaper : {"gradcam", "cam"}) {
    const bool has = std::find(offered.begin(), offered.end(), cheaper) != offered.end();
    if (!has || cost_of(bundle, cheaper) >= cost) continue;
    methods.emplace_back(cheaper);
    cost = cost_of(bundle, cheaper);
  }
  return methods;
}

MethodBudget::MethodBudget(double budget_ms, std::vector<std::string> methods)
    : budget_ms_(budget_ms), methods_(std::move(methods)) {
  check(std::isfinite(budget_ms) && budget_ms >= 0, ErrorCode::kUsage,
        "the budget must be a number of milliseconds a window, 0 for none, not ", budget_ms);
  check(!methods_.empty(), ErrorCode::kUsage, "a budget needs a method to choose");
}

void MethodBudget::move_to(size_t step) {
  since_rise_ = step < step_ ? 0 : -1;
  step_ = step;
  recent_.clear();
  quiet_windows_ = 0;
}

void MethodBudget::record(double ms) {
  if (budget_ms_ <= 0) return;
  recent_.push_back(ms);
  if (recent_.size() > kWindows) recent_.erase(recent_.begin());
  quiet_windows_ = ms <= 0.5 * budget_ms_ ? quiet_windows_ + 1 : 0;
  if (since_rise_ >= 0 && ++since_rise_ >= kQuietWindows) {
    quiet_windows_needed_ = kQuietWindows;
    since_rise_ = -1;
  }
  const bool late = recent_.size() == kWindows && median(recent_) > budget_ms_;
  if (late && step_ + 1 < methods_.size()) {
    if (since_rise_ >= 0)
      quiet_windows_needed_ = std::min(2 * quiet_windows_needed_, kMaxQuietWindows);
    move_to(step_ + 1);
  } else if (step_ > 0 && quiet_windows_ >= quiet_windows_needed_) {
    move_to(step_ - 1);
  }
}

}  // namespace tubecam
