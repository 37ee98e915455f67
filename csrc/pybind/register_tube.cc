#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "explain/cam3d.h"
#include "explain/explanation.h"
#include "explain/relevance_signal.h"
#include "explain/tube.h"
#include "pybind/array.h"
#include "pybind/register.h"
#include "pybind/samples.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Triple = std::array<double, 3>;

// ---- kernels ----

py::tuple cam3d_of_arrays(const py::array& activation, const std::string& method,
                          const std::optional<py::array>& weight,
                          const std::optional<py::array>& gradient) {
  const Floats a = require_array<float>(activation, 4, "an activation float32 [C, t, h, w]");
  check(weight.has_value() != gradient.has_value(), ErrorCode::kUsage,
        "cam3d: give either a weight or a gradient");
  const Floats other = weight
                           ? require_array<float>(*weight, 1, "a weight float32 [C]")
                           : require_array<float>(*gradient, 4, "a gradient float32 [C, t, h, w]");
  const std::vector<py::ssize_t> shape(a.shape(), a.shape() + 4);
  const bool same = std::equal(other.shape(), other.shape() + other.ndim(), shape.begin());
  check(same, ErrorCode::kUsage, "cam3d: ", describe_array(other), " does not fit the activation ",
        describe_array(a));
  check(shape[0] <= INT32_MAX && a.size() / std::max<py::ssize_t>(1, shape[0]) <= INT32_MAX,
        ErrorCode::kUsage, "cam3d: the activation is too large");
  const CamInput input{a.data(),
                       weight ? other.data() : nullptr,
                       weight ? nullptr : other.data(),
                       int(shape[0]),
                       int(shape[1]),
                       int(shape[2]),
                       int(shape[3])};
  Floats tube({shape[1], shape[2], shape[3]});
  const CamMethod parsed = parse_cam_method(method);
  float* values = tube.mutable_data();
  CamStats stats;
  {
    py::gil_scoped_release released;
    stats = cam3d(input, parsed, values);
  }
  return py::make_tuple(tube, stats);
}

// A view of an array [t, h, w]; the array must outlive it.
TubeView tube_view(const Floats& tube, const Triple& stride, const Triple& offset) {
  check(tube.size() > 0, ErrorCode::kUsage, "a tube must have positive sizes, not ",
        describe_array(tube));
  for (const double step : stride) {
    check(step > 0 && std::isfinite(step), ErrorCode::kUsage,
          "a tube's stride must be positive, not ", step);
  }
  return {tube.data(), int(tube.shape(0)), int(tube.shape(1)), int(tube.shape(2)), stride, offset};
}

Floats tube_array(const py::array& tube) {
  return require_array<float>(tube, 3, "a tube float32 [t, h, w]");
}

Floats sample_points(const py::array& tube, const Triple& stride, const Triple& offset,
                     const py::array& points) {
  const Floats values = tube_array(tube);
  const auto at = require_array<double>(points, 2, "points float64 [N, 3], each slice, y, x");
  check(at.shape(1) == 3, ErrorCode::kUsage, "points must be [N, 3], each slice, y, x");
  const TubeView view = tube_view(values, stride, offset);
  Floats result(at.shape(0));
  float* out = result.mutable_data();
  for (py::ssize_t i = 0; i < at.shape(0); ++i)
    out[i] = sample_tube(view, at.at(i, 0), at.at(i, 1), at.at(i, 2));
  return result;
}

Floats plane_at(const py::array& tube, const Triple& stride, const Triple& offset, double slice) {
  const Floats values = tube_array(tube);
  Floats plane({values.shape(1), values.shape(2)});
  tube_plane(tube_view(values, stride, offset), slice, plane.mutable_data());
  return plane;
}

Floats curve_of(const py::array& tube, const Triple& stride, const Triple& offset, int length) {
  check(length > 0, ErrorCode::kUsage, "a curve's length must be positive, not ", length);
  const Floats values = tube_array(tube);
  Floats curve(length);
  temporal_curve(tube_view(values, stride, offset), length, curve.mutable_data());
  return curve;
}

Peak peak_of(const py::array& tube, const Triple& stride, const Triple& offset) {
  const Floats values = tube_array(tube);
  const TubeView view = tube_view(values, stride, offset);
  return tube_peak(view,
                   int(std::max_element(view.values, view.values + values.size()) - view.values));
}

double slice_of(const py::array& pts, int64_t time) {
  const auto times = require_array<int64_t>(pts, 1, "times int64 [T], ns");
  Window window;
  window.pts.assign(times.data(), times.data() + times.size());
  return slice_at(window, time);
}

std::vector<Box> boxes_of(const py::array& plane, const Triple& stride, const Triple& offset,
                          int clip_height, int clip_width, const std::array<float, 4>& source,
                          float threshold, int limit) {
  const Floats values = require_array<float>(plane, 2, "a plane float32 [h, w]");
  check(clip_height > 0 && clip_width > 0, ErrorCode::kUsage, "the clip's size must be positive");
  const TubeView view{values.data(), 1, int(values.shape(0)), int(values.shape(1)), stride, offset};
  return plane_boxes(values.data(), view, clip_height, clip_width,
                     {source[0], source[1], source[2], source[3], 0}, threshold, limit);
}

void register_kernels(py::module_& module) {
  py::class_<CamStats>(module, "CamStats")
      .def_readonly("min", &CamStats::min)
      .def_readonly("max", &CamStats::max)
      .def_readonly("peak", &CamStats::peak)
      .def_readonly("sum", &CamStats::sum)
      .def_readonly("finite", &CamStats::finite);

  py::class_<Peak>(module, "Peak")
      .def_readonly("value", &Peak::value)
      .def_readonly("slice", &Peak::slice)
      .def_readonly("y", &Peak::y)
      .def_readonly("x", &Peak::x);

  py::class_<Box>(module, "Box")
      .def_readonly("x", &Box::x)
      .def_readonly("y", &Box::y)
      .def_readonly("width", &Box::width)
      .def_readonly("height", &Box::height)
      .def_readonly("value", &Box::value);

  const auto tube = py::arg("tube"), stride = py::arg("stride"), offset = py::arg("offset");
  module.def("cam3d", &cam3d_of_arrays, py::arg("activation"), py::arg("method"), py::kw_only(),
             py::arg("weight") = py::none(), py::arg("gradient") = py::none());
  module.def("sample_tube", &sample_points, tube, stride, offset, py::arg("points"));
  module.def("tube_plane", &plane_at, tube, stride, offset, py::arg("slice"));
  module.def("temporal_curve", &curve_of, tube, stride, offset, py::arg("length"));
  module.def("slice_at", &slice_of, py::arg("pts"), py::arg("time"));
  module.def("key_frames", &key_frames, py::arg("values"), py::arg("apart"));
  module.def("tube_peak", &peak_of, tube, stride, offset);
  module.def("plane_boxes", &boxes_of, py::arg("plane"), stride, offset, py::arg("clip_height"),
             py::arg("clip_width"), py::arg("source"), py::arg("threshold"), py::arg("limit") = 16);
}

// ---- signal ----

py::tuple add_to_signal(RelevanceSignal& self, const std::vector<int64_t>& pts,
                        const py::array& curve, uint64_t stretch) {
  const Floats values = require_array<float>(curve, 1, "a curve float32 [T]");
  check(values.size() == py::ssize_t(pts.size()), ErrorCode::kUsage, "a curve of ", values.size(),
        " values does not fit ", pts.size(), " times");
  Window window;
  window.pts = pts;
  window.stretch = stretch;
  return samples_of(self.add(window, values.data()));
}

void register_signal(py::module_& module) {
  py::class_<RelevanceSignal>(module, "RelevanceSignal")
      .def(py::init<double>(), py::arg("sample_fps"))
      .def("add", &add_to_signal, py::arg("pts"), py::arg("curve"), py::arg("stretch") = 0)
      .def("flush", [](RelevanceSignal& self) { return samples_of(self.flush()); })
      .def("reset", &RelevanceSignal::reset)
      .def("at", &RelevanceSignal::at, py::arg("pts"));
}

}  // namespace

void register_tube(py::module_& module) {
  register_kernels(module);
  register_signal(module);
}

}  // namespace tubecam
