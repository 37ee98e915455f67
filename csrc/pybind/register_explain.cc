#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "clip/preprocess/preprocess.h"
#include "explain/explainer.h"
#include "explain/marks.h"
#include "explain/scores.h"
#include "explain/tube/relevance_signal.h"
#include "pybind/array.h"
#include "pybind/device_tube.h"
#include "pybind/engine_options.h"
#include "pybind/foreign_array.h"
#include "pybind/frame_array.h"
#include "pybind/register.h"
#include "pybind/released.h"
#include "pybind/samples.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Triple = std::array<double, 3>;
using Clock = std::chrono::steady_clock;
using SharedExplanation = std::shared_ptr<Explanation>;

// ---- explainer ----

// Times of a clip's slices: those given, or one slice every 1/sample_fps.
std::vector<int64_t> clip_pts(const ClipSpec& spec,
                              const std::optional<std::vector<int64_t>>& pts) {
  if (pts) return *pts;
  std::vector<int64_t> times;
  for (int i = 0; i < spec.length; ++i) times.push_back(std::llround(i * 1e9 / spec.sample_fps));
  return times;
}

// The clip [1, T, 3, H, W] in any library's memory; `owner` keeps it.
TensorView clip_of(const ClipSpec& spec, const py::object& clip, py::object* owner) {
  const Shape shape = {spec.length, 3, spec.height, spec.width};
  if (is_foreign_array(clip)) {
    const ForeignArray array = import_array(clip);
    *owner = array.owner;
    return clip_view(array, shape);
  }
  const auto given = py::array::ensure(clip);
  if (!given) throw py::error_already_set();
  const Floats values = require_array<float>(given, 4, "a clip float32 [T, 3, H, W]");
  check(std::equal(shape.begin(), shape.end(), values.shape()), ErrorCode::kUsage, "the clip is ",
        describe_array(values), "; this bundle needs float32 ", to_string(shape));
  *owner = values;
  return {const_cast<float*>(values.data()), DType::kFloat32, clip_shape(spec), {}};
}

SharedExplanation explain_array(Explainer& explainer, const py::object& clip,
                                const std::optional<std::vector<int64_t>>& pts) {
  const ClipSpec& spec = explainer.bundle().clip;
  py::object owner;
  const TensorView view = clip_of(spec, clip, &owner);
  const Window window{clip_pts(spec, pts),
                      {0, 0, double(spec.width), double(spec.height)},
                      spec.width,
                      spec.height,
                      0};
  const Released released;
  return std::make_shared<Explanation>(explainer.explain(view, window));
}

SharedExplanation explain_frames(Explainer& explainer, const std::vector<FrameArray>& frames,
                                 const std::optional<std::vector<int64_t>>& pts) {
  const ClipSpec& spec = explainer.bundle().clip;
  check(frames.size() == size_t(spec.length), ErrorCode::kUsage, "this bundle needs ", spec.length,
        " frames for a clip, not ", frames.size());
  const int width = frames[0].frame().width, height = frames[0].frame().height;
  const Window window{clip_pts(spec, pts), spec.source_rect(width, height), width, height, 0};
  const Released released;
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
  explanation->timings.preprocess += preprocess_ms.count();
  return explanation;
}

SharedExplanation push_frame(Explainer& explainer, const FrameArray& frame, int64_t pts) {
  const Released released;
  auto explanation = explainer.push(frame.frame(), pts);
  return explanation ? std::make_shared<Explanation>(std::move(*explanation)) : nullptr;
}

SharedExplanation finish_stream(Explainer& explainer, const std::string& padding) {
  py::gil_scoped_release released;
  auto explanation = explainer.finish(parse_padding(padding));
  return explanation ? std::make_shared<Explanation>(std::move(*explanation)) : nullptr;
}

std::unique_ptr<Explainer> make_explainer(const std::string& bundle, const std::string& method,
                                          int64_t target, int hop, float threshold,
                                          const std::string& engine, const std::string& device,
                                          const std::string& precision, int threads,
                                          const std::string& cache_dir, double budget_ms,
                                          const MethodOptions& method_options,
                                          const std::string& fallback) {
  ExplainerOptions options;
  options.fallback = fallback;
  options.engine = engine_options(engine, device, precision, threads, cache_dir);
  options.method = method;
  options.target = target;
  options.hop = hop;
  options.threshold = threshold;
  options.budget_ms = budget_ms;
  options.method_options = method_options;
  const Released released;
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

py::object motion_of(py::object self) {
  const auto& explanation = self.cast<const Explanation&>();
  const auto& shape = explanation.shape;
  if (explanation.motion.empty()) return py::none();
  return view_of(explanation.motion.data(), {shape[0], shape[1], shape[2]}, self);
}

// The pathway lives in its explanation, which pybind11 keeps alive with it.
py::array pathway_tube(py::object self) {
  const auto& pathway = self.cast<const Pathway&>();
  const auto& shape = pathway.shape;
  return view_of(pathway.tube.data(), {shape[0], shape[1], shape[2]}, self);
}

py::list pathways_of(py::object self) {
  py::list pathways;
  for (const Pathway& pathway : self.cast<const Explanation&>().pathways)
    pathways.append(py::cast(&pathway, py::return_value_policy::reference_internal, self));
  return pathways;
}

py::array pts_of(py::object self) {
  const auto& pts = self.cast<const Explanation&>().window.pts;
  return view_of(pts.data(), {py::ssize_t(pts.size())}, self);
}

void register_explanation(py::module_& module) {
  py::class_<Timings>(module, "Timings")
      .def_readonly("preprocess", &Timings::preprocess)
      .def_readonly("engine", &Timings::engine)
      .def_readonly("explain", &Timings::explain);

  py::class_<Receipt>(module, "Receipt")
      .def_readonly("method", &Receipt::method)
      .def_readonly("layer", &Receipt::layer)
      .def_readonly("receptive_field", &Receipt::receptive_field)
      .def_readonly("unit", &Receipt::unit)
      .def_readonly("engine", &Receipt::engine)
      .def_readonly("precision", &Receipt::precision)
      .def_readonly("relevance_sum", &Receipt::relevance_sum)
      .def_readonly("logit", &Receipt::logit)
      .def_readonly("export_error", &Receipt::export_error)
      .def_readonly("conservation", &Receipt::conservation)
      .def_readonly("baseline_logit", &Receipt::baseline_logit)
      .def_readonly("passes", &Receipt::passes)
      .def_readonly("class_specific", &Receipt::class_specific)
      .def_readonly("map_correlation", &Receipt::map_correlation)
      .def_readonly("drifts", &Receipt::exceeds_drift_limit)
      .def_readonly("fell_back_from", &Receipt::fell_back_from)
      .def_readonly("downgraded_from", &Receipt::downgraded_from);

  py::class_<Mark>(module, "Mark")
      .def_readonly("key", &Mark::key)
      .def_readonly("text", &Mark::text);
  module.def("mark_keys", &mark_keys);
  module.def("graph_marks", py::overload_cast<const GraphSpec&, const std::string&>(&marks),
             py::arg("graph"), py::arg("method"));
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

  py::class_<Pathway>(module, "Pathway")
      .def_readonly("name", &Pathway::name)
      .def_readonly("layer", &Pathway::layer)
      .def_readonly("of_flow", &Pathway::of_flow)
      .def_property_readonly("tube", &pathway_tube)
      .def_readonly("stride", &Pathway::stride)
      .def_readonly("offset", &Pathway::offset)
      .def_readonly("relevance_sum", &Pathway::relevance_sum)
      .def_readonly("share", &Pathway::share);

  py::class_<Explanation, SharedExplanation>(module, "Explanation")
      .def_readonly("valid", &Explanation::valid)
      .def_readonly("problem", &Explanation::problem)
      .def_readonly("label", &Explanation::label)
      .def_readonly("label_name", &Explanation::label_name)
      .def_readonly("score", &Explanation::score)
      .def_readonly("target", &Explanation::target)
      .def_readonly("target_name", &Explanation::target_name)
      .def_property_readonly("logits", array_of(&Explanation::logits))
      .def_property_readonly("scores", array_of(&Explanation::scores))
      .def_property_readonly("head", [](const Explanation& self) { return to_string(self.head); })
      .def_property_readonly("tube", &tube_of)
      .def_property_readonly("device_tube",
                             [](const Explanation& self) {
                               return std::const_pointer_cast<DeviceTube>(self.device_tube);
                             })
      .def_property_readonly("motion", &motion_of)
      .def_readonly("motion_share", &Explanation::motion_share)
      .def_readonly("motion_by", &Explanation::motion_by)
      .def_readonly("stride", &Explanation::stride)
      .def_readonly("offset", &Explanation::offset)
      .def_property_readonly("curve", array_of(&Explanation::curve))
      .def_property_readonly("pathways", &pathways_of)
      .def_readonly("peak", &Explanation::peak)
      .def_readonly("peak_pts", &Explanation::peak_pts)
      .def_readonly("peak_point", &Explanation::peak_point)
      .def_readonly("boxes", &Explanation::boxes)
      .def_readonly("window", &Explanation::window)
      .def_property_readonly("signal",
                             [](const Explanation& self) { return samples_of(self.signal); })
      .def_property_readonly("pts", &pts_of)
      .def_readonly("timings", &Explanation::timings)
      .def_readonly("receipt", &Explanation::receipt)
      .def_property_readonly("marks", [](const Explanation& self) { return marks(self); });
}

// ---- options ----

MethodOptions make_options(int steps, const std::string& baseline,
                           const std::optional<py::array>& baseline_clip, float noise,
                           int frozen_slice, double sigma) {
  MethodOptions options;
  options.multi_pass.steps = steps;
  options.multi_pass.baseline = parse_baseline(baseline);
  options.multi_pass.noise = noise;
  options.frozen = frozen_slice;
  options.sigma = sigma;
  if (!baseline_clip) return options;
  const Floats values = require_array<float>(*baseline_clip, 4, "a baseline float32 [T, 3, H, W]");
  options.multi_pass.baseline = Baseline::kGiven;
  options.multi_pass.baseline_clip =
      std::make_shared<std::vector<float>>(values.data(), values.data() + values.size());
  return options;
}

void register_options(py::module_& module) {
  const MethodOptions defaults;
  py::class_<MethodOptions>(module, "MethodOptions")
      .def(py::init(&make_options), py::kw_only(), py::arg("steps") = defaults.multi_pass.steps,
           py::arg("baseline") = kBaselines[0].name, py::arg("baseline_clip") = py::none(),
           py::arg("noise") = defaults.multi_pass.noise, py::arg("frozen_slice") = defaults.frozen,
           py::arg("sigma") = defaults.sigma);
}

}  // namespace

void register_explain(py::module_& module) {
  register_options(module);
  register_device_tube(module);
  register_explanation(module);
  const auto released = py::call_guard<Released>();
  const auto pts = py::arg("pts") = py::none();
  py::class_<Explainer>(module, "Explainer")
      .def(py::init(&make_explainer), py::arg("bundle"), py::kw_only(), py::arg("method") = "",
           py::arg("target") = -1, py::arg("hop") = 4, py::arg("threshold") = 0.5f,
           py::arg("engine") = "auto", py::arg("device") = "cpu", py::arg("precision") = "auto",
           py::arg("threads") = 0, py::arg("cache_dir") = "", py::arg("budget_ms") = 0.0,
           py::arg("method_options") = MethodOptions(), py::arg("fallback") = "none")
      .def_static("reads_array", &is_foreign_array, py::arg("array"))
      .def("explain", &explain_array, py::arg("clip"), pts)
      .def("explain_frames", &explain_frames, py::arg("frames"), pts)
      .def("push", &push_frame, py::arg("frame"), py::arg("pts"))
      .def("reset", &Explainer::reset, released)
      .def("finish", &finish_stream, py::arg("padding"))
      .def("sample_at", &Explainer::sample_at, py::arg("fps"), released)
      .def("set_target", &Explainer::set_target, py::arg("target"), released)
      .def("set_method", &Explainer::set_method, py::arg("method"), released)
      .def("set_threshold", &Explainer::set_threshold, py::arg("threshold"), released)
      .def("set_hop", &Explainer::set_hop, py::arg("hop"), released)
      .def("set_budget", &Explainer::set_budget, py::arg("milliseconds"), released)
      .def("set_method_options", &Explainer::set_method_options, py::arg("options"), released)
      .def_property_readonly("device",
                             [](const Explainer& self) { return self.device().to_string(); })
      .def_property_readonly("bundle", &Explainer::bundle, py::return_value_policy::copy)
      .def_property_readonly("engine_info", [](const Explainer& self) {
        const Released released;
        return self.engine_info();
      });
}

}  // namespace tubecam
