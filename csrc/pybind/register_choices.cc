#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bundle/clip_spec.h"
#include "bundle/head.h"
#include "bundle/method_table.h"
#include "bundle/precision.h"
#include "clip/sampling.h"
#include "engine/engine.h"
#include "explain/explainer.h"
#include "explain/methods/motion.h"
#include "explain/methods/multi_pass.h"
#include "live/policies.h"
#include "overlay/heat/colormap.h"
#include "overlay/heat/show.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

// A function that gives {name: meaning}, in the table's order.
template <typename Table>
void def_choices(py::module_& module, const char* function, const Table& table) {
  module.def(function, [&table] {
    py::dict meanings;
    for (const auto& entry : table) meanings[entry.name] = entry.meaning;
    return meanings;
  });
}

// All methods, or those of one kind.
py::dict methods(const std::optional<std::string>& kind) {
  const auto* wanted = kind ? &choose(kMethodKinds, "kind of method", *kind) : nullptr;
  py::dict meanings;
  for (const Method& method : method_table()) {
    if (!wanted || method.kind == wanted->value) meanings[method.name] = method.meaning;
  }
  return meanings;
}

}  // namespace

void register_choices(py::module_& module) {
  def_choices(module, "resize_rules", kResizeRules);
  def_choices(module, "color_orders", kColorOrders);
  def_choices(module, "head_kinds", kHeadKinds);
  def_choices(module, "head_units", kHeadUnits);
  def_choices(module, "method_kinds", kMethodKinds);
  module.def("methods", &methods, py::arg("kind") = py::none());
  def_choices(module, "precisions", kPrecisions);
  def_choices(module, "old_precisions", kOldPrecisions);
  def_choices(module, "paddings", kPaddings);
  def_choices(module, "engines", kEngines);
  def_choices(module, "fallbacks", kFallbacks);
  def_choices(module, "baselines", kBaselines);
  def_choices(module, "motion_sources", kMotionSources);
  def_choices(module, "alignments", kAlignments);
  def_choices(module, "late_windows", kLateWindows);
  def_choices(module, "color_maps", kColorMaps);
  def_choices(module, "shows", kShows);
  module.def("parse_precision", &parse_precision, py::arg("name"));
}

}  // namespace tubecam
