#include <pybind11/stl.h>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "overlay/caption.h"
#include "overlay/heat.h"
#include "overlay/overlay.h"
#include "pybind/array.h"
#include "pybind/frame_array.h"
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
  py::gil_scoped_release released;
  blend_heat(target, plane, style);
}

std::vector<float> plane_values(const py::array& plane) {
  const auto values = require_array<float>(plane, 2, "a plane float32 [h, w]");
  return {values.data(), values.data() + values.size()};
}

void update_smoother(HeatSmoother& self, const py::array& plane, float tube_max, int64_t pts,
                     const std::optional<py::array>& motion) {
  const auto moving = motion ? plane_values(*motion) : std::vector<float>{};
  self.update(plane_values(plane), tube_max, pts, moving);
}

py::array_t<float> copied(const std::vector<float>& values) {
  return py::array_t<float>(static_cast<py::ssize_t>(values.size()), values.data());
}

// A painter for callers with threads: the GIL, which is released during work, does not guard it.
struct GuardedPainter {
  CaptionPainter painter;
  std::mutex mutex;
};

void draw_caption(GuardedPainter& self, const FrameArray& frame, const py::str& label,
                  const py::str& score, const py::str& note, const std::vector<float>& strip,
                  double strip_now, const std::vector<int>& key_frames,
                  const std::vector<float>& strip_motion, bool motion_legend,
                  const std::string& color_map) {
  // Lone surrogates, which file names bring, have no UTF-8; they become question marks.
  const auto text = [](const py::str& words) {
    return words.attr("encode")("utf-8", "replace").cast<std::string>();
  };
  const Caption caption{text(label), text(score), text(note),   strip,
                        strip_now,   key_frames,  strip_motion, motion_legend};
  const ColorMap map = parse_color_map(color_map);
  const Frame& target = frame.writable();
  py::gil_scoped_release released;
  const std::lock_guard<std::mutex> lock(self.mutex);
  self.painter.draw(target, caption, map);
}

void register_heat(py::module_& module) {
  const HeatStyle style;
  const std::string color_map = color_map_names().at(static_cast<size_t>(style.color_map));
  module.attr("DEFAULT_COLOR_MAP") = color_map;
  module.attr("DEFAULT_ALPHA") = py::float_(style.alpha);
  module.attr("DEFAULT_THRESHOLD") = py::float_(style.threshold);
  module.def("color_map_names", &color_map_names);
  module.def("color_table", &table_of, "name"_a);
  module.def("motion_tables", &motion_tables);
  module.def("blend_heat", &blend_array, "frame"_a, "plane"_a, "motion"_a = py::none(),
             py::kw_only(), "stride"_a, "offset"_a, "clip_height"_a, "clip_width"_a, "source"_a,
             "scale"_a, "color_map"_a = color_map, "alpha"_a = style.alpha,
             "threshold"_a = style.threshold);
}

void register_smoother(py::module_& module) {
  const HeatSmoother::Options defaults;
  py::class_<HeatSmoother>(module, "HeatSmoother")
      .def(py::init([](double smoothing, double attack, double release, float floor) {
             return HeatSmoother({smoothing, attack, release, floor});
           }),
           py::kw_only(), "smoothing"_a = defaults.smoothing, "attack"_a = defaults.attack,
           "release"_a = defaults.release, "floor"_a = defaults.floor)
      .def("update", &update_smoother, "plane"_a, "tube_max"_a, "pts"_a, "motion"_a = py::none())
      .def("reset", &HeatSmoother::reset)
      .def_property_readonly("plane", [](const HeatSmoother& self) { return copied(self.plane()); })
      .def_property_readonly("motion",
                             [](const HeatSmoother& self) { return copied(self.motion()); })
      .def_property_readonly("scale", &HeatSmoother::scale);
}

}  // namespace

void register_overlay(py::module_& module) {
  register_heat(module);
  register_smoother(module);
  py::class_<GuardedPainter>(module, "CaptionPainter")
      .def(py::init<>())
      .def("draw", &draw_caption, "frame"_a, py::kw_only(), "label"_a = py::str(""),
           "score"_a = py::str(""), "note"_a = py::str(""), "strip"_a = std::vector<float>{},
           "strip_now"_a = 1.0, "key_frames"_a = std::vector<int>{},
           "strip_motion"_a = std::vector<float>{}, "motion_legend"_a = false,
           "color_map"_a = color_map_names().at(static_cast<size_t>(HeatStyle().color_map)));
}

}  // namespace tubecam
