#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "base/error.h"
#include "clip/clip_window.h"
#include "clip/optical_flow/clip_flow.h"
#include "clip/preprocess/preprocess.h"
#include "clip/timestamps.h"
#include "pybind/arrays/array.h"
#include "pybind/arrays/frame_array.h"
#include "pybind/gil/guarded.h"
#include "pybind/register.h"

namespace py = pybind11;
using namespace py::literals;

namespace tubecam {

namespace {

using Array = py::array_t<float>;

ClipSpec make_clip_spec(int length, int height, int width, double sample_fps,
                        const std::array<float, 3>& mean, const std::array<float, 3>& std,
                        const std::string& color, const std::string& resize,
                        std::optional<int> short_side,
                        const std::optional<std::array<float, 2>>& flow) {
  ClipSpec spec{length,
                height,
                width,
                sample_fps,
                mean,
                std,
                choose(kColorOrders, "color", color).value,
                choose(kResizeRules, "resize rule", resize).value,
                short_side.value_or(std::max(height, width)),
                flow ? FlowSpec{true, (*flow)[0], (*flow)[1]} : FlowSpec{}};
  check_clip_spec(spec);
  return spec;
}

// For pickle: the arguments of make_clip_spec().
py::tuple state_of_spec(const ClipSpec& spec) {
  std::optional<std::array<float, 2>> flow;
  if (spec.flow.used) flow = {spec.flow.bound, spec.flow.scale};
  return py::make_tuple(spec.length, spec.height, spec.width, spec.sample_fps, spec.mean, spec.std,
                        name_of(kColorOrders, spec.color), name_of(kResizeRules, spec.resize),
                        spec.short_side, flow);
}

ClipSpec spec_of_state(const py::tuple& state) {
  using Arguments =
      std::tuple<int, int, int, double, std::array<float, 3>, std::array<float, 3>, std::string,
                 std::string, std::optional<int>, std::optional<std::array<float, 2>>>;
  return std::apply(make_clip_spec, state.cast<Arguments>());
}

py::tuple state_of_window(const Window& window) {
  const Rect& source = window.source;
  const Sampling& sampling = window.sampling;
  return py::make_tuple(window.pts, source.x, source.y, source.width, source.height,
                        window.frame_width, window.frame_height, window.sequence, window.segment,
                        sampling.fps, sampling.stated_fps, name_of(kPaddings, sampling.padding),
                        sampling.padded);
}

Window window_of_state(const py::tuple& state) {
  const auto [pts, x, y, width, height, frame_width, frame_height, sequence, stretch, fps,
              stated_fps, padding, padded] =
      state.cast<std::tuple<std::vector<int64_t>, double, double, double, double, int, int,
                            uint64_t, uint64_t, double, double, std::string, int>>();
  check(padded >= 0 && size_t(padded) <= pts.size(), ErrorCode::kUsage, padded,
        " padded slices of ", pts.size());
  Window window;
  window.pts = pts;
  window.source = {x, y, width, height};
  window.frame_width = frame_width;
  window.frame_height = frame_height;
  window.sequence = sequence;
  window.segment = stretch;
  window.sampling = {fps, stated_fps, parse_padding(padding), padded};
  return window;
}

py::tuple rect_tuple(const Rect& rect) {
  return py::make_tuple(rect.x, rect.y, rect.width, rect.height);
}

Array preprocess_frame(const FrameArray& frame, const ClipSpec& spec,
                       const std::optional<std::array<double, 4>>& source) {
  Array slice({3, spec.height, spec.width});
  float* data = slice.mutable_data();
  const Rect rect = source ? Rect{(*source)[0], (*source)[1], (*source)[2], (*source)[3]}
                           : spec.source_rect(frame.frame().width, frame.frame().height);
  const Released released;
  preprocess(frame.frame(), rect, spec, data);
  return slice;
}

using GuardedWindow = Guarded<ClipWindow>;
using GuardedFlow = Guarded<ClipFlow>;

Array copy_clip(GuardedWindow& self) {
  const ClipSpec spec = self.with([](ClipWindow& w) { return w.spec(); });
  Array clip({spec.length, 3, spec.height, spec.width});
  float* data = clip.mutable_data();
  self.with([&](ClipWindow& w) {
    check(w.slots_missing() == 0, ErrorCode::kUsage,
          "no window is complete yet: ", w.slots_missing(), " slices are missing");
    w.copy_to(data);
  });
  return clip;
}

Array flow_of_clip(GuardedFlow& self, const py::array& clip) {
  const ClipSpec spec = self.with([](ClipFlow& flow) { return flow.spec(); });
  const auto values = require_array<float>(clip, 4, "a clip float32 [T, 3, H, W]");
  const std::vector<py::ssize_t> shape = {spec.length, 3, spec.height, spec.width};
  check(std::equal(shape.begin(), shape.end(), values.shape()), ErrorCode::kUsage, "the clip is ",
        describe_array(values), ", not float32 [", shape[0], ", 3, ", shape[2], ", ", shape[3],
        "]");
  Array result({shape[0] - 1, py::ssize_t(2), shape[2], shape[3]});
  float* data = result.mutable_data();
  const size_t count = size_t(result.size());
  self.with([&](ClipFlow& flow) { std::copy_n(flow.run(values.data()).f32(), count, data); });
  return result;
}

void register_frame(py::module_& module) {
  py::class_<FrameArray>(
      module, "Frame",
      "A picture in any pixel format that pipelines have; its arrays are shared, not copied.")
      .def(py::init([](const std::string& format, int width, int height,
                       const std::vector<py::array>& planes, const std::string& matrix,
                       bool full_range) {
             return FrameArray(parse_pixel_format(format), width, height, planes, matrix,
                               full_range);
           }),
           "format"_a, "width"_a, "height"_a, "planes"_a, "matrix"_a = "bt601",
           "full_range"_a = false)
      .def_static("from_array", &FrameArray::from_pixels, "pixels"_a, "format"_a = py::none())
      .def_property_readonly("format",
                             [](const FrameArray& f) { return to_string(f.frame().format); })
      .def_property_readonly("width", [](const FrameArray& f) { return f.frame().width; })
      .def_property_readonly("height", [](const FrameArray& f) { return f.frame().height; });
}

void register_clip_spec(py::module_& module) {
  const ClipSpec defaults;
  py::class_<ClipSpec>(module, "ClipSpec")
      .def(py::init(&make_clip_spec), py::kw_only(), "length"_a = defaults.length,
           "height"_a = defaults.height, "width"_a = defaults.width,
           "sample_fps"_a = defaults.sample_fps, "mean"_a = defaults.mean, "std"_a = defaults.std,
           "color"_a = "RGB", "resize"_a = "crop", "short_side"_a = py::none(),
           "flow"_a = py::none())
      .def_readonly("length", &ClipSpec::length)
      .def_readonly("height", &ClipSpec::height)
      .def_readonly("width", &ClipSpec::width)
      .def_readonly("sample_fps", &ClipSpec::sample_fps)
      .def_property_readonly("mean", [](const ClipSpec& s) { return py::tuple(py::cast(s.mean)); })
      .def_property_readonly("std", [](const ClipSpec& s) { return py::tuple(py::cast(s.std)); })
      .def_property_readonly("color",
                             [](const ClipSpec& s) { return name_of(kColorOrders, s.color); })
      .def_property_readonly("resize",
                             [](const ClipSpec& s) { return name_of(kResizeRules, s.resize); })
      .def_readonly("short_side", &ClipSpec::short_side)
      .def_property_readonly("flow",
                             [](const ClipSpec& s) -> py::object {
                               if (!s.flow.used) return py::none();
                               return py::make_tuple(s.flow.bound, s.flow.scale);
                             })
      .def(py::pickle(&state_of_spec, &spec_of_state))
      .def(
          "source_rect",
          [](const ClipSpec& s, int width, int height) {
            check(width > 0 && height > 0, ErrorCode::kUsage, "frame size ", width, "x", height,
                  " must be positive");
            return rect_tuple(s.source_rect(width, height));
          },
          "frame_width"_a, "frame_height"_a);
}

py::dict clip_limits() {
  const ClipLimits& limits = kClipLimits;
  const auto pair = [](const Limits& of) { return py::make_tuple(of.least, of.most); };
  return py::dict("length"_a = pair(limits.length), "side"_a = pair(limits.side),
                  "sample_fps"_a = pair(limits.sample_fps), "mean"_a = pair(limits.mean),
                  "std"_a = pair(limits.std), "short_side"_a = limits.short_side,
                  "flow_bound"_a = pair(limits.flow_bound),
                  "flow_scale"_a = pair(limits.flow_scale), "flow_length"_a = limits.flow_length,
                  "flow_side"_a = limits.flow_side);
}

void register_window(py::module_& module) {
  py::class_<Window>(module, "Window")
      .def_property_readonly(
          "pts", [](const Window& w) { return py::array_t<int64_t>(w.pts.size(), w.pts.data()); })
      .def_property_readonly("source", [](const Window& w) { return rect_tuple(w.source); })
      .def_readonly("frame_width", &Window::frame_width)
      .def_readonly("frame_height", &Window::frame_height)
      .def_readonly("sequence", &Window::sequence)
      .def_readonly("stretch", &Window::segment)
      .def_property_readonly("frames", &Window::frames)
      .def_property_readonly("is_sparse", &Window::is_sparse)
      .def_property_readonly("sample_fps", [](const Window& w) { return w.sampling.fps; })
      .def_property_readonly("stated_fps", [](const Window& w) { return w.sampling.stated_fps; })
      .def_property_readonly("padding",
                             [](const Window& w) { return name_of(kPaddings, w.sampling.padding); })
      .def_property_readonly("padded", [](const Window& w) { return w.sampling.padded; })
      .def(py::pickle(&state_of_window, &window_of_state));
}

void register_clip_window(py::module_& module) {
  py::class_<GuardedWindow>(module, "ClipWindow")
      .def(py::init<const ClipSpec&, int, double>(), "spec"_a, "hop"_a = 4, "max_gap"_a = 1.0)
      .def(
          "push",
          [](GuardedWindow& self, const FrameArray& frame, int64_t pts) {
            return self.with([&](ClipWindow& w) { return w.push(frame.frame(), pts); });
          },
          "frame"_a, "pts"_a)
      .def(
          "pad",
          [](GuardedWindow& self, const std::string& padding) {
            return self.with([&](ClipWindow& w) { return w.pad(parse_padding(padding)); });
          },
          "padding"_a)
      .def(
          "sample_at",
          [](GuardedWindow& self, double fps, double max_gap) {
            self.with([&](ClipWindow& w) { w.sample_at(fps, max_gap); });
          },
          "fps"_a, "max_gap"_a = 1.0)
      .def("clip", &copy_clip)
      .def("reset", [](GuardedWindow& self) { self.with([](ClipWindow& w) { w.reset(); }); })
      .def(
          "set_hop",
          [](GuardedWindow& self, int hop) { self.with([&](ClipWindow& w) { w.set_hop(hop); }); },
          "hop"_a)
      .def_property_readonly(
          "window",
          [](GuardedWindow& self) { return self.with([](ClipWindow& w) { return w.window(); }); })
      .def_property_readonly("slots_missing",
                             [](GuardedWindow& self) {
                               return self.with([](ClipWindow& w) { return w.slots_missing(); });
                             })
      .def_property_readonly("resets", [](GuardedWindow& self) {
        return self.with([](ClipWindow& w) { return w.resets(); });
      });
}

void register_timestamps(py::module_& module) {
  py::class_<TimestampRepair>(module, "TimestampRepair")
      .def(py::init<int64_t, int64_t>(), "interval"_a = 0, "jump"_a = 1'000'000'000)
      .def("next", &TimestampRepair::next, "pts"_a)
      .def("restart", &TimestampRepair::restart, "origin"_a = 0)
      .def_property_readonly("faults",
                             [](const TimestampRepair& self) {
                               const TimestampFaults& faults = self.faults();
                               return py::dict("missing"_a = faults.missing,
                                               "repeated"_a = faults.repeated,
                                               "late"_a = faults.late, "jumps"_a = faults.jumps);
                             })
      .def("describe", [](const TimestampRepair& self) { return describe(self.faults()); });
}

}  // namespace

void register_clip(py::module_& module) {
  register_frame(module);
  register_clip_spec(module);
  module.def("clip_limits", &clip_limits);
  register_window(module);
  register_clip_window(module);
  register_timestamps(module);
  py::class_<GuardedFlow>(module, "ClipFlow")
      .def(py::init<const ClipSpec&>(), "spec"_a)
      .def("run", &flow_of_clip, "clip"_a)
      .def_property_readonly("computed", [](GuardedFlow& self) {
        return self.with([](ClipFlow& flow) { return flow.computed(); });
      });
  module.def("gap_limit", &gap_limit, "spec"_a, "max_gap"_a = 1.0);
  module.def("preprocess", &preprocess_frame, "frame"_a, "spec"_a, "source"_a = py::none());
}

}  // namespace tubecam
