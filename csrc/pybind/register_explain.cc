#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "clip/preprocess.h"
#include "explain/cam3d.h"
#include "explain/explainer.h"
#include "explain/relevance_signal.h"
#include "explain/tube.h"
#include "pybind/array.h"
#include "pybind/engine_options.h"
#include "pybind/frame_array.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Triple = std::array<double, 3>;
using Clock = std::chrono::steady_clock;
using SharedExplanation = std::shared_ptr<Explanation>;

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

// ---- explainer ----

// Times of a clip's slices: those given, or one slice every 1/sample_fps.
std::vector<int64_t> clip_pts(const ClipSpec& spec,
                              const std::optional<std::vector<int64_t>>& pts) {
  if (pts) return *pts;
  std::vector<int64_t> times;
  for (int i = 0; i < spec.length; ++i) times.push_back(std::llround(i * 1e9 / spec.sample_fps));
  return times;
}

SharedExplanation explain_clip(Explainer& explainer, const py::array& clip,
                               const std::optional<std::vector<int64_t>>& pts) {
  const ClipSpec& spec = explainer.bundle().clip;
  const Floats values = require_array<float>(clip, 4, "a clip float32 [T, 3, H, W]");
  const std::vector<py::ssize_t> shape = {spec.length, 3, spec.height, spec.width};
  check(std::equal(shape.begin(), shape.end(), values.shape()), ErrorCode::kUsage, "the clip is ",
        describe_array(values), "; this bundle needs float32 [", shape[0], ", 3, ", shape[2], ", ",
        shape[3], "]");
  const Window window{clip_pts(spec, pts),
                      {0, 0, double(spec.width), double(spec.height)},
                      spec.width,
                      spec.height,
                      0};
  const float* data = values.data();
  py::gil_scoped_release released;
  return std::make_shared<Explanation>(explainer.explain(data, window));
}

SharedExplanation explain_frames(Explainer& explainer, const std::vector<FrameArray>& frames,
                                 const std::optional<std::vector<int64_t>>& pts) {
  const ClipSpec& spec = explainer.bundle().clip;
  check(frames.size() == size_t(spec.length), ErrorCode::kUsage, "this bundle needs ", spec.length,
        " frames for a clip, not ", frames.size());
  const int width = frames[0].frame().width, height = frames[0].frame().height;
  const Window window{clip_pts(spec, pts), spec.source_rect(width, height), width, height, 0};
  py::gil_scoped_release released;
  const Clock::time_point start = Clock::now();
  const size_t slice = size_t(3) * size_t(spec.height) * size_t(spec.width);
  std::vector<float> clip(slice * frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    const Frame& frame = frames[i].frame();
    check(frame.width == width && frame.height == height, ErrorCode::kUsage,
          "the frames of a clip must have one size");
    preprocess(frame, window.source, spec, clip.data() + i * slice);
  }
  const std::chrono::duration<double, std::milli> preprocess_ms = Clock::now() - start;
  auto explanation = std::make_shared<Explanation>(explainer.explain(clip.data(), window));
  explanation->timings.preprocess = preprocess_ms.count();
  return explanation;
}

SharedExplanation push_frame(Explainer& explainer, const FrameArray& frame, int64_t pts) {
  py::gil_scoped_release released;
  auto explanation = explainer.push(frame.frame(), pts);
  return explanation ? std::make_shared<Explanation>(std::move(*explanation)) : nullptr;
}

std::unique_ptr<Explainer> make_explainer(const std::string& bundle, const std::string& method,
                                          int64_t target, int hop, float threshold,
                                          const std::string& engine, const std::string& device,
                                          const std::string& precision, int threads,
                                          const std::string& cache_dir, double budget_ms) {
  ExplainerOptions options;
  options.engine = engine_options(engine, device, precision, threads, cache_dir);
  options.method = method;
  options.target = target;
  options.hop = hop;
  options.threshold = threshold;
  options.budget_ms = budget_ms;
  py::gil_scoped_release released;
  return std::make_unique<Explainer>(bundle, options);
}

// Arrays that view an explanation's memory and keep it alive.
template <typename T>
auto array_of(std::vector<T> Explanation::*field) {
  return [field](py::object self) {
    const auto& values = self.cast<const Explanation&>().*field;
    return view_of(values.data(), {py::ssize_t(values.size())}, self);
  };
}

py::array tube_of(py::object self) {
  const auto& explanation = self.cast<const Explanation&>();
  const auto& shape = explanation.shape;
  return view_of(explanation.tube.data(), {shape[0], shape[1], shape[2]}, self);
}

py::array pts_of(py::object self) {
  const auto& pts = self.cast<const Explanation&>().window.pts;
  return view_of(pts.data(), {py::ssize_t(pts.size())}, self);
}

// Times int64 [n] in ns, and values float32 [n].
py::tuple samples_of(const std::vector<RelevanceSignal::Sample>& samples) {
  py::array_t<int64_t> pts(static_cast<py::ssize_t>(samples.size()));
  Floats values(static_cast<py::ssize_t>(samples.size()));
  for (size_t i = 0; i < samples.size(); ++i) {
    pts.mutable_data()[i] = samples[i].pts;
    values.mutable_data()[i] = samples[i].value;
  }
  return py::make_tuple(pts, values);
}

void register_explanation(py::module_& module) {
  py::class_<Timings>(module, "Timings")
      .def_readonly("preprocess", &Timings::preprocess)
      .def_readonly("engine", &Timings::engine)
      .def_readonly("explain", &Timings::explain);

  py::class_<Receipt>(module, "Receipt")
      .def_readonly("method", &Receipt::method)
      .def_readonly("layer", &Receipt::layer)
      .def_readonly("engine", &Receipt::engine)
      .def_readonly("precision", &Receipt::precision)
      .def_readonly("relevance_sum", &Receipt::relevance_sum)
      .def_readonly("logit", &Receipt::logit)
      .def_readonly("export_error", &Receipt::export_error)
      .def_readonly("conservation", &Receipt::conservation)
      .def_readonly("class_specific", &Receipt::class_specific)
      .def_readonly("downgraded_from", &Receipt::downgraded_from);

  py::class_<Explanation, SharedExplanation>(module, "Explanation")
      .def_readonly("valid", &Explanation::valid)
      .def_readonly("problem", &Explanation::problem)
      .def_readonly("label", &Explanation::label)
      .def_readonly("label_name", &Explanation::label_name)
      .def_readonly("score", &Explanation::score)
      .def_readonly("target", &Explanation::target)
      .def_readonly("target_name", &Explanation::target_name)
      .def_property_readonly("logits", array_of(&Explanation::logits))
      .def_property_readonly("tube", &tube_of)
      .def_readonly("stride", &Explanation::stride)
      .def_readonly("offset", &Explanation::offset)
      .def_property_readonly("curve", array_of(&Explanation::curve))
      .def_readonly("peak", &Explanation::peak)
      .def_readonly("peak_pts", &Explanation::peak_pts)
      .def_readonly("peak_point", &Explanation::peak_point)
      .def_readonly("boxes", &Explanation::boxes)
      .def_readonly("window", &Explanation::window)
      .def_property_readonly("signal",
                             [](const Explanation& self) { return samples_of(self.signal); })
      .def_property_readonly("pts", &pts_of)
      .def_readonly("timings", &Explanation::timings)
      .def_readonly("receipt", &Explanation::receipt);
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

void register_explain(py::module_& module) {
  register_kernels(module);
  register_signal(module);
  register_explanation(module);
  const auto released = py::call_guard<py::gil_scoped_release>();
  const auto pts = py::arg("pts") = py::none();
  py::class_<Explainer>(module, "Explainer")
      .def(py::init(&make_explainer), py::arg("bundle"), py::kw_only(), py::arg("method") = "",
           py::arg("target") = -1, py::arg("hop") = 4, py::arg("threshold") = 0.5f,
           py::arg("engine") = "auto", py::arg("device") = "cpu", py::arg("precision") = "auto",
           py::arg("threads") = 0, py::arg("cache_dir") = "", py::arg("budget_ms") = 0.0)
      .def("explain", &explain_clip, py::arg("clip"), pts)
      .def("explain_frames", &explain_frames, py::arg("frames"), pts)
      .def("push", &push_frame, py::arg("frame"), py::arg("pts"))
      .def("reset", &Explainer::reset, released)
      .def("set_target", &Explainer::set_target, py::arg("target"), released)
      .def("set_method", &Explainer::set_method, py::arg("method"), released)
      .def("set_threshold", &Explainer::set_threshold, py::arg("threshold"), released)
      .def("set_hop", &Explainer::set_hop, py::arg("hop"), released)
      .def("set_budget", &Explainer::set_budget, py::arg("milliseconds"), released)
      .def_property_readonly("bundle", &Explainer::bundle, py::return_value_policy::copy)
      .def_property_readonly("engine_info", [](const Explainer& self) {
        py::gil_scoped_release unlocked;
        return self.engine_info();
      });
}

}  // namespace tubecam
