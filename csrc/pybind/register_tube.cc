#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "explain/explanation.h"
#include "explain/methods/cam3d.h"
#include "explain/tube/relevance_signal.h"
#include "explain/tube/tube.h"
#include "explain/tube/tube_sample.h"
#include "pybind/arrays/array.h"
#include "pybind/arrays/samples.h"
#include "pybind/gil/released.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;
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
    const Released released;
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

// The shape that NumPy's rules give arrays together, of at least one dimension.
std::vector<ptrdiff_t> broadcast_shape(const std::array<Doubles, 3>& arrays) {
  std::vector<ptrdiff_t> shape(1, 1);
  for (const Doubles& array : arrays) shape.resize(std::max(shape.size(), size_t(array.ndim())), 1);
  for (const Doubles& array : arrays) {
    ptrdiff_t* last = shape.data() + shape.size() - array.ndim();
    for (py::ssize_t d = 0; d < array.ndim(); ++d) {
      const bool fits = array.shape(d) == last[d] || array.shape(d) == 1 || last[d] == 1;
      check(fits, ErrorCode::kUsage, "slice, y and x of shapes ", describe_array(arrays[0]), ", ",
            describe_array(arrays[1]), " and ", describe_array(arrays[2]),
            " cannot be broadcast against each other");
      if (last[d] == 1) last[d] = array.shape(d);
    }
  }
  return shape;
}

Coordinates coordinates_of(const Doubles& array, const std::vector<ptrdiff_t>& shape) {
  Coordinates result{array.data(), std::vector<ptrdiff_t>(shape.size(), 0)};
  const size_t missing = shape.size() - size_t(array.ndim());
  for (size_t d = missing; d < shape.size(); ++d) {
    const auto own = py::ssize_t(d - missing);
    if (array.shape(own) > 1) result.step[d] = array.strides(own) / py::ssize_t(sizeof(double));
  }
  return result;
}

Floats sample_of_array(const py::array& tube, const Triple& stride, const Triple& offset,
                       const Doubles& slice, const Doubles& y, const Doubles& x) {
  const Floats values = tube_array(tube);
  const TubeView view = tube_view(values, stride, offset);
  const std::vector<ptrdiff_t> shape = broadcast_shape({slice, y, x});
  const std::array<Coordinates, 3> points{coordinates_of(slice, shape), coordinates_of(y, shape),
                                          coordinates_of(x, shape)};
  const bool scalar = slice.ndim() + y.ndim() + x.ndim() == 0;
  Floats result(scalar ? std::vector<ptrdiff_t>{} : shape);
  float* out = result.mutable_data();
  py::gil_scoped_release released;
  sample_points(view, points, shape, out);
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

Window window_at(const py::array& pts) {
  const auto times = require_array<int64_t>(pts, 1, "times int64 [T], ns");
  Window window;
  window.pts.assign(times.data(), times.data() + times.size());
  return window;
}

double slice_of(const py::array& pts, int64_t time) { return slice_at(window_at(pts), time); }

constexpr double kMostSeconds = 9e9;  // fits into nanoseconds

Doubles slices_of(const py::array& pts, const Doubles& seconds) {
  const Window window = window_at(pts);
  Doubles result(std::vector<py::ssize_t>(seconds.shape(), seconds.shape() + seconds.ndim()));
  double* out = result.mutable_data();
  double before = std::nan(""), slice = 0;  // points of one picture have one time
  for (py::ssize_t i = 0; i < seconds.size(); ++i) {
    const double time = seconds.data()[i];
    check(!std::isnan(time), ErrorCode::kUsage, "a time must be a number of seconds, not NaN");
    if (time != before)
      slice = slice_at(window, std::llround(1e9 * std::clamp(time, -kMostSeconds, kMostSeconds)));
    before = time;
    out[i] = slice;
  }
  return result;
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
  module.def("sample_tube", &sample_of_array, tube, stride, offset, py::arg("slice"), py::arg("y"),
             py::arg("x"));
  module.def("tube_plane", &plane_at, tube, stride, offset, py::arg("slice"));
  module.def("temporal_curve", &curve_of, tube, stride, offset, py::arg("length"));
  module.def("slices_at", &slices_of, py::arg("pts"), py::arg("seconds"));
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
  window.segment = stretch;
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
