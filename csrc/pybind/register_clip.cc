#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "clip/clip_flow.h"
#include "clip/clip_window.h"
#include "clip/preprocess.h"
#include "clip/timestamps.h"
#include "pybind/array.h"
#include "pybind/frame_array.h"
#include "pybind/register.h"

namespace py = pybind11;
using namespace py::literals;

namespace tubecam {

namespace {

using Array = py::array_t<float>;

constexpr std::pair<const char*, ResizeRule> kRules[] = {
    {"crop", ResizeRule::kCrop}, {"stretch", ResizeRule::kStretch}, {"pad", ResizeRule::kPad}};
constexpr std::pair<const char*, ColorOrder> kColors[] = {{"RGB", ColorOrder::kRgb},
                                                          {"BGR", ColorOrder::kBgr}};

template <typename Table>
auto value_of(const Table& table, const char* what, const std::string& name) {
  std::string names;
  for (const auto& [text, value] : table) {
    if (name == text) return value;
    names += std::string(names.empty() ? "" : ", ") + text;
  }
  fail(ErrorCode::kUsage, what, " '", name, "' is not known; use one of ", names);
}

template <typename Table, typename Value>
std::string name_of(const Table& table, Value value) {
  for (const auto& [text, entry] : table) {
    if (entry == value) return text;
  }
  return "unknown";
}

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
                value_of(kColors, "color", color),
                value_of(kRules, "resize rule", resize),
                short_side.value_or(std::min(height, width)),
                flow ? FlowSpec{true, (*flow)[0], (*flow)[1]} : FlowSpec{}};
  check_clip_spec(spec);
  return spec;
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
  py::gil_scoped_release release;
  preprocess(frame.frame(), rect, spec, data);
  return slice;
}

// A ClipWindow for callers with threads: the GIL, which is released during work, does not guard it.
class GuardedWindow {
 public:
  GuardedWindow(const ClipSpec& spec, int hop, double max_gap) : window_(spec, hop, max_gap) {}

  template <typename Function>
  auto with(Function function) {
    py::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(mutex_);
    return function(window_);
  }

 private:
  ClipWindow window_;
  std::mutex mutex_;
};

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

Array flow_of_clip(ClipFlow& self, const py::array& clip) {
  const ClipSpec& spec = self.spec();
  const auto values = require_array<float>(clip, 4, "a clip float32 [T, 3, H, W]");
  const std::vector<py::ssize_t> shape = {spec.length, 3, spec.height, spec.width};
  check(std::equal(shape.begin(), shape.end(), values.shape()), ErrorCode::kUsage, "the clip is ",
        describe_array(values), ", not float32 [", shape[0], ", 3, ", shape[2], ", ", shape[3],
        "]");
  const float* flow = self.run(values.data()).f32();  // with the GIL: it is not re-entrant
  return Array({shape[0] - 1, py::ssize_t(2), shape[2], shape[3]}, flow);
}

void register_frame(py::module_& module) {
  py::class_<FrameArray>(module, "Frame")
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
  const std::array<float, 3> zeros{0, 0, 0}, ones{1, 1, 1};
  py::class_<ClipSpec>(module, "ClipSpec")
      .def(py::init(&make_clip_spec), py::kw_only(), "length"_a = 16, "height"_a = 112,
           "width"_a = 112, "sample_fps"_a = 15.0, "mean"_a = zeros, "std"_a = ones,
           "color"_a = "RGB", "resize"_a = "crop", "short_side"_a = py::none(),
           "flow"_a = py::none())
      .def_readonly("length", &ClipSpec::length)
      .def_readonly("height", &ClipSpec::height)
      .def_readonly("width", &ClipSpec::width)
      .def_readonly("sample_fps", &ClipSpec::sample_fps)
      .def_property_readonly("mean", [](const ClipSpec& s) { return py::tuple(py::cast(s.mean)); })
      .def_property_readonly("std", [](const ClipSpec& s) { return py::tuple(py::cast(s.std)); })
      .def_property_readonly("color", [](const ClipSpec& s) { return name_of(kColors, s.color); })
      .def_property_readonly("resize", [](const ClipSpec& s) { return name_of(kRules, s.resize); })
      .def_readonly("short_side", &ClipSpec::short_side)
      .def_property_readonly("flow",
                             [](const ClipSpec& s) -> py::object {
                               if (!s.flow.used) return py::none();
                               return py::make_tuple(s.flow.bound, s.flow.scale);
                             })
      .def(
          "source_rect",
          [](const ClipSpec& s, int width, int height) {
            check(width > 0 && height > 0, ErrorCode::kUsage, "frame size ", width, "x", height,
                  " must be positive");
            return rect_tuple(s.source_rect(width, height));
          },
          "frame_width"_a, "frame_height"_a);
}

void register_window(py::module_& module) {
  py::class_<Window>(module, "Window")
      .def_property_readonly(
          "pts", [](const Window& w) { return py::array_t<int64_t>(w.pts.size(), w.pts.data()); })
      .def_property_readonly("source", [](const Window& w) { return rect_tuple(w.source); })
      .def_readonly("frame_width", &Window::frame_width)
      .def_readonly("frame_height", &Window::frame_height)
      .def_readonly("sequence", &Window::sequence)
      .def_readonly("stretch", &Window::stretch);
  py::class_<GuardedWindow>(module, "ClipWindow")
      .def(py::init<const ClipSpec&, int, double>(), "spec"_a, "hop"_a = 4, "max_gap"_a = 1.0)
      .def(
          "push",
          [](GuardedWindow& self, const FrameArray& frame, int64_t pts) {
            return self.with([&](ClipWindow& w) { return w.push(frame.frame(), pts); });
          },
          "frame"_a, "pts"_a)
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
      .def(py::init<int64_t>(), "interval"_a = 0)
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
  register_window(module);
  register_timestamps(module);
  py::class_<ClipFlow>(module, "ClipFlow")
      .def(py::init([](const ClipSpec& spec) { return std::make_unique<ClipFlow>(spec); }),
           "spec"_a)
      .def("run", &flow_of_clip, "clip"_a)
      .def_property_readonly("computed", &ClipFlow::computed);
  module.def("preprocess", &preprocess_frame, "frame"_a, "spec"_a, "source"_a = py::none());
}

}  // namespace tubecam
