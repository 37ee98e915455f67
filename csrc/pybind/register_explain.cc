#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "clip/preprocess/preprocess.h"
#include "explain/explainer.h"
#include "pybind/arrays/array.h"
#include "pybind/arrays/foreign_array.h"
#include "pybind/arrays/frame_array.h"
#include "pybind/engine_options.h"
#include "pybind/gil/released.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Clock = std::chrono::steady_clock;
using SharedExplanation = std::shared_ptr<Explanation>;

// ---- explainer ----

// Times of a clip's sampled frames: those given, or one sampled frame every 1/sample_fps.
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

using Explanations = std::vector<SharedExplanation>;
using Times = std::optional<std::vector<int64_t>>;

// One target is a number, −1 the predicted class, or a pair: the first rather than the second. None
// at all: the explainer's own.
using GivenTarget = std::variant<int64_t, std::pair<int64_t, int64_t>>;
using GivenTargets = std::optional<std::vector<GivenTarget>>;

std::vector<Asked> asked_of(const GivenTargets& targets, const std::string& method) {
  if (!targets) return {{std::nullopt, method}};
  std::vector<Asked> asked;
  for (const GivenTarget& given : *targets) {
    const auto* pair = std::get_if<std::pair<int64_t, int64_t>>(&given);
    asked.push_back(
        {pair ? Target(pair->first, pair->second) : Target(std::get<int64_t>(given)), method});
  }
  return asked;
}

// One explanation a target.
Explanations explain_array(Explainer& explainer, const py::object& clip, const Times& pts,
                           const GivenTargets& targets, const std::string& method) {
  const ClipSpec& spec = explainer.bundle().clip;
  py::object owner;
  const TensorView view = clip_of(spec, clip, &owner);
  const Window window{clip_pts(spec, pts),
                      {0, 0, double(spec.width), double(spec.height)},
                      spec.width,
                      spec.height,
                      0};
  Explanations found;
  for (const Asked& asked : asked_of(targets, method)) {
    const Released released;  // for each: what waits for the GIL or forks need not wait for all
    found.push_back(std::make_shared<Explanation>(explainer.explain(view, window, asked)));
  }
  return found;
}

Explanations explain_frames(Explainer& explainer, const std::vector<FrameArray>& frames,
                            const Times& pts, const GivenTargets& targets,
                            const std::string& method) {
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
  Explanations found;
  for (const Asked& asked : asked_of(targets, method)) {
    auto explanation = explainer.explain(clip.data(), window, asked);
    explanation.timings.preprocess += preprocess_ms.count();
    found.push_back(std::make_shared<Explanation>(std::move(explanation)));
  }
  return found;
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
  const auto released = py::call_guard<Released>();
  const auto pts = py::arg("pts") = py::none();
  const auto targets = py::arg("targets") = py::none();
  const auto method = py::arg("method") = "";
  py::class_<Explainer>(module, "Explainer")
      .def(py::init(&make_explainer), py::arg("bundle"), py::kw_only(), py::arg("method") = "",
           py::arg("target") = -1, py::arg("hop") = 4, py::arg("threshold") = 0.5f,
           py::arg("engine") = "auto", py::arg("device") = "cpu", py::arg("precision") = "auto",
           py::arg("threads") = 0, py::arg("cache_dir") = "", py::arg("budget_ms") = 0.0,
           py::arg("method_options") = MethodOptions(), py::arg("fallback") = "none")
      .def_static("reads_array", &is_foreign_array, py::arg("array"))
      .def("explain", &explain_array, py::arg("clip"), pts, targets, method)
      .def("explain_frames", &explain_frames, py::arg("frames"), pts, targets, method)
      .def("push", &push_frame, py::arg("frame"), py::arg("pts"))
      .def("reset", &Explainer::reset, released)
      .def("finish", &finish_stream, py::arg("padding"))
      .def("sample_at", &Explainer::sample_at, py::arg("fps"), released)
      .def(
          "set_target",
          [](Explainer& self, int64_t target, int64_t against) {
            self.set_target({target, against});
          },
          py::arg("target"), py::arg("against") = -1, released)
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
