#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <variant>

#include "explain/field_values.h"
#include "explain/marks.h"
#include "explain/receipt/scores.h"
#include "pybind/arrays/array.h"
#include "pybind/arrays/device_tube.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

template <typename T>
py::object python_value(const T& value, const py::object&) {
  return py::cast(value);
}

// A view of the explanation's memory that keeps it alive.
template <typename T>
py::object python_value(const FieldArray<T>& array, const py::object& explanation) {
  return view_of(array.data, {py::ssize_t(array.count)}, explanation);
}

// By their names in metadata, as an element message tells them.
py::dict fields_of(const py::object& self) {
  py::dict fields;
  const auto add = [&](const std::string& name, const FieldValue& value) {
    fields[py::str(name)] =
        std::visit([&](const auto& plain) { return python_value(plain, self); }, value);
  };
  for_each_field(self.cast<const Explanation&>(), add);
  return fields;
}

py::list field_list() {
  py::list list;
  for (const FieldInfo& field : explanation_fields())
    list.append(py::make_tuple(field.group, field.name, field.key, field.type, field.parts,
                               field.shape, field.meaning, field.optional));
  return list;
}

void register_fields(py::module_& module) {
  py::class_<Explanation, std::shared_ptr<Explanation>>(module, "Explanation")
      .def("fields", &fields_of)
      .def_property_readonly("device_tube",
                             [](const Explanation& self) { return hand_out(self.device_tube); });
  module.def("explanation_fields", &field_list);
}

void register_marks(py::module_& module) {
  py::class_<Mark>(module, "Mark")
      .def_readonly("key", &Mark::key)
      .def_readonly("text", &Mark::text);
  module.def("mark_keys", &mark_keys);
  module.def("graph_marks", py::overload_cast<const GraphSpec&, const std::string&>(&marks),
             py::arg("graph"), py::arg("method"));
}

void register_scores(py::module_& module) {
  module.def(
      "score_text",
      [](float score, const std::string& head) { return score_text(score, parse_head_kind(head)); },
      py::arg("score"), py::arg("head"));
  module.def(
      "present_classes",
      [](const std::vector<float>& scores, const std::string& head) {
        return present_classes(scores, parse_head_kind(head));
      },
      py::arg("scores"), py::arg("head"));
}

}  // namespace

void register_explanation(py::module_& module) {
  register_device_tube(module);
  register_fields(module);
  register_marks(module);
  register_scores(module);
}

}  // namespace tubecam
