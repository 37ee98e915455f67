#include "explain/method_plan.h"

#include <algorithm>

#include "base/error.h"

namespace tubecam {
namespace {

// The graph that a method of motion is made of, or graphs.size().
size_t base_graph(const Bundle& bundle, PlanKind kind) {
  const auto& graphs = bundle.graphs;
  const auto one_pass = [](const GraphSpec& graph) { return !graph.gives_input_gradient(); };
  const auto to_input = [](const GraphSpec& graph) { return graph.gives_relevance(); };
  auto found = graphs.end();
  if (kind == PlanKind::kSelective) found = std::find_if(graphs.begin(), graphs.end(), to_input);
  if (found == graphs.end()) found = std::find_if(graphs.begin(), graphs.end(), one_pass);
  return static_cast<size_t>(found - graphs.begin());
}

}  // namespace

std::vector<std::string> offered_methods(const Bundle& bundle) {
  std::vector<std::string> methods;
  for (const GraphSpec& graph : bundle.graphs)
    methods.insert(methods.end(), graph.methods.begin(), graph.methods.end());
  if (base_graph(bundle, PlanKind::kMotionSplit) < bundle.graphs.size()) {
    const std::vector<std::string> motion = method_names(MethodKind::kMotion);
    methods.insert(methods.end(), motion.begin(), motion.end());
  }
  return methods;
}

MethodPlan plan_method(const Bundle& bundle, const std::string& method) {
  const Method* known = find_method(method);
  const PlanKind kind = known ? known->plan : PlanKind::kOnePass;
  if (known && known->kind == MethodKind::kMotion) {
    const size_t graph = base_graph(bundle, kind);
    if (graph < bundle.graphs.size()) return {graph, bundle.graphs[graph].default_method, kind};
  }
  for (size_t i = 0; i < bundle.graphs.size(); ++i) {
    const auto& names = bundle.graphs[i].methods;
    if (std::find(names.begin(), names.end(), method) != names.end()) return {i, method, kind};
  }
  std::string offered;
  for (const std::string& name : offered_methods(bundle))
    offered += (offered.empty() ? "" : ", ") + name;
  fail(ErrorCode::kUsage, "the bundle ", bundle.name, " has no method \"", method,
       "\": choose one of ", offered);
}

}  // namespace tubecam
