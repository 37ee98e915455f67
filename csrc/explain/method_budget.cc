#include "explain/method_budget.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr size_t kNoGraph = static_cast<size_t>(-1);

size_t graph_of(const Bundle& bundle, const std::string& method) {
  for (size_t i = 0; i < bundle.graphs.size(); ++i) {
    const auto& methods = bundle.graphs[i].methods;
    if (std::find(methods.begin(), methods.end(), method) != methods.end()) return i;
  }
  return kNoGraph;
}

// In comparison only. A method of several passes has no graph of its own name.
int cost_of(const Bundle& bundle, size_t graph) {
  if (graph == kNoGraph) return 3;
  if (bundle.graphs[graph].activation.empty()) return 2;  // back to the input
  return bundle.graphs[graph].weight.empty() ? 1 : 0;     // back to a layer, or not at all
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<std::string> fallback_methods(const Bundle& bundle, const std::string& method) {
  std::vector<std::string> methods = {method};
  int cost = cost_of(bundle, graph_of(bundle, method));
  for (const char* cheaper : {"gradcam", "cam"}) {
    const size_t graph = graph_of(bundle, cheaper);
    if (cost_of(bundle, graph) >= cost) continue;
    methods.emplace_back(cheaper);
    cost = cost_of(bundle, graph);
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
  calm_ = 0;
}

void MethodBudget::took(double ms) {
  if (budget_ms_ <= 0) return;
  recent_.push_back(ms);
  if (recent_.size() > kWindows) recent_.erase(recent_.begin());
  calm_ = ms <= 0.5 * budget_ms_ ? calm_ + 1 : 0;
  if (since_rise_ >= 0 && ++since_rise_ >= kCalm) {
    calm_needed_ = kCalm;
    since_rise_ = -1;
  }
  const bool late = recent_.size() == kWindows && median(recent_) > budget_ms_;
  if (late && step_ + 1 < methods_.size()) {
    if (since_rise_ >= 0) calm_needed_ = std::min(2 * calm_needed_, kMaxCalm);
    move_to(step_ + 1);
  } else if (step_ > 0 && calm_ >= calm_needed_) {
    move_to(step_ - 1);
  }
}

}  // namespace tubecam
