#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>

#include "overlay/caption/caption.h"
#include "overlay/heat/full_heat.h"
#include "overlay/heat/heat.h"
#include "overlay/overlay.h"
#include "pybind/arrays/array.h"
#include "pybind/arrays/frame_array.h"
#include "pybind/gil/guarded.h"
#include "pybind/gil/released.h"
#include "pybind/register.h"

namespace py = pybind11;
using namespace py::literals;

namespace tubecam {
namespace {

py::array_t<uint8_t> table_array(ColorMap map) {
  const auto& table = color_table(map);
  py::array_t<uint8_t> array({256, 3});
  std::memcpy(array.mutable_data(), table.data(), sizeof(table));
  return array;
}

py::array_t<uint8_t> table_of(const std::string& name) {
  return table_array(parse_color_map(name));
}

py::tuple motion_tables() {
  return py::make_tuple(table_array(ColorMap::kStill), table_array(ColorMap::kMoving));
}

void blend_array(const FrameArray& frame, const py::array& values,
                 const std::optional<py::array>& motion, const std::array<double, 2>& stride,
                 const std::array<double, 2>& offset, int clip_height, int clip_width,
                 const std::array<double, 4>& source, float scale, const std::string& color_map,
                 float alpha, float threshold) {
  const auto cells = require_array<float>(values, 2, "a plane float32 [h, w]");
  HeatPlane plane;
  plane.values = cells.data();
  py::array_t<float, py::array::c_style> shares;
  if (motion) {
    shares = require_array<float>(*motion, 2, "a plane of motion float32 [h, w]");
    check(shares.shape(0) == cells.shape(0) && shares.shape(1) == cells.shape(1), ErrorCode::kUsage,
          "the plane of motion is ", describe_array(shares), ", but that of relevance ",
          describe_array(cells));
    plane.motion = shares.data();
  }
  plane.h = static_cast<int>(cells.shape(0));
  plane.w = static_cast<int>(cells.shape(1));
  plane.stride = stride;
  plane.offset = offset;
  plane.clip_height = clip_height;
  plane.clip_width = clip_width;
  plane.source = {source[0], source[1], source[2], source[3]};
  plane.scale = scale;
  const HeatStyle style{parse_color_map(color_map), alpha, threshold};
  const Frame& target = frame.writable();
  const Released released;
  blend_heat(target, plane, style);
}

std::vector<float> plane_values(const py::array& plane) {
  const auto values = require_array<float>(plane, 2, "a plane float32 [h, w]");
  return {values.data(), values.data() + values.size()};
}

void update_smoother(HeatSmoother& self, const py::array& plane, float full, int64_t pts,
                     const std::optional<py::array>& motion) {
  const auto moving = motion ? plane_values(*motion) : std::vector<float>{};
  self.update(plane_values(plane), full, pts, moving);
}

// By value: NumPy lets go of the GIL while it copies.
py::array_t<float> copied(std::vector<float> values) {
  return py::array_t<float>(static_cast<py::ssize_t>(values.size()), values.data());
}

Legend parse_legend(const std::string& name) {
  static const std::array<std::string, 4> names = {"", "heat", "motion", "flow"};
  const auto found = std::find(names.begin(), names.end(), name);
  check(found != names.end(), ErrorCode::kUsage, "there is no legend \"", name,
        "\"; choose heat, motion, flow or none (\"\")");
  return static_cast<Legend>(found - names.begin());
}

Evidence weigh_array(const py::array& tube, const std::string& unit, double logit,
                     double baseline_logit) {
  const auto values = require_array<float>(tube, 3, "a tube float32 [t, h, w]");
  check(values.size() > 0 && values.size() <= INT32_MAX, ErrorCode::kUsage,
        "a tube must have positive sizes, not ", describe_array(tube));
  return weigh({values.data(), int(values.shape(0)), int(values.shape(1)), int(values.shape(2))},
               unit, logit, baseline_logit);
}

using GuardedPainter = Guarded<CaptionPainter>;

void draw_caption(GuardedPainter& self, const FrameArray& frame, const py::str& label,
                  const py::str& score, const py::str& note, const std::vector<float>& strip,
                  double strip_now, const std::vector<int>& key_frames,
                  const std::vector<float>& strip_motion, const std::string& legend,
                  const py::str& full, const std::string& color_map) {
  // Lone surrogates, which file names bring, have no UTF-8; they become question marks.
  const auto text = [](const py::str& words) {
    return words.attr("encode")("utf-8", "replace").cast<std::string>();
  };
  const Caption caption{text(label), text(score),  text(note),           strip,     strip_now,
                        key_frames,  strip_motion, parse_legend(legend), text(full)};
  const ColorMap map = parse_color_map(color_map);
  const Frame& target = frame.writable();
  self.with([&](CaptionPainter& painter) { painter.draw(target, caption, map); });
}

void register_heat(py::module_& module) {
  const HeatStyle style;
  const char* color_map = name_of(kColorMaps, style.color_map);
  module.attr("DEFAULT_COLOR_MAP") = color_map;
  module.attr("DEFAULT_ALPHA") = py::float_(style.alpha);
  module.attr("DEFAULT_THRESHOLD") = py::float_(style.threshold);
  module.def("color_table", &table_of, "name"_a);
  module.def("motion_tables", &motion_tables);
  module.def("blend_heat", &blend_array, "frame"_a, "plane"_a, "motion"_a = py::none(),
             py::kw_only(), "stride"_a, "offset"_a, "clip_height"_a, "clip_width"_a, "source"_a,
             "scale"_a, "color_map"_a = color_map, "alpha"_a = style.alpha,
             "threshold"_a = style.threshold);
}

void register_full_heat(py::module_& module) {
  module.attr("FEW_CELLS") = kFewCells;
  py::class_<Evidence>(module, "Evidence")
      .def_readonly("peak", &Evidence::peak)
      .def_readonly("positive", &Evidence::positive)
      .def_readonly("decision", &Evidence::decision)
      .def_readonly("cells", &Evidence::cells)
      .def_readonly("slices", &Evidence::slices)
      .def_property_readonly("amount", &Evidence::amount);
  module.def("weigh", &weigh_array, "tube"_a, "unit"_a, "logit"_a, "baseline_logit"_a = NAN);
  module.def("full_heat", &full_heat, "evidence"_a);
  module.def("full_curve", &full_curve, "evidence"_a, "curve_peak"_a);
  module.def("describe_full", &describe_full, "full"_a, "evidence"_a);
}

void register_smoother(py::module_& module) {
  const HeatSmoother::Options defaults;
  py::class_<HeatSmoother>(module, "HeatSmoother")
      .def(py::init([](double smoothing, double attack, double release, float floor) {
             return HeatSmoother({smoothing, attack, release, floor});
           }),
           py::kw_only(), "smoothing"_a = defaults.smoothing, "attack"_a = defaults.attack,
           "release"_a = defaults.release, "floor"_a = defaults.floor)
      .def("update", &update_smoother, "plane"_a, "full"_a, "pts"_a, "motion"_a = py::none())
      .def("reset", &HeatSmoother::reset)
      .def_property_readonly("plane", [](const HeatSmoother& self) { return copied(self.plane()); })
      .def_property_readonly("motion",
                             [](const HeatSmoother& self) { return copied(self.motion()); })
      .def_property_readonly("scale", &HeatSmoother::scale);
}

}  // namespace

void register_overlay(py::module_& module) {
  register_heat(module);
  register_full_heat(module);
  register_smoother(module);
  py::class_<GuardedPainter>(module, "CaptionPainter")
      .def(py::init<>())
      .def("draw", &draw_caption, "frame"_a, py::kw_only(), "label"_a = py::str(""),
           "score"_a = py::str(""), "note"_a = py::str(""), "strip"_a = std::vector<float>{},
           "strip_now"_a = 1.0, "key_frames"_a = std::vector<int>{},
           "strip_motion"_a = std::vector<float>{}, "legend"_a = "", "full"_a = py::str(""),
           "color_map"_a = name_of(kColorMaps, HeatStyle().color_map));
}

}  // namespace tubecam
