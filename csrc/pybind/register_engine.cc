#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <functional>
#include <memory>
#include <optional>

#include "bundle/bundle.h"
#include "clip/optical_flow/clip_flow.h"
#include "engine/engine.h"
#include "explain/method_plan.h"
#include "pybind/arrays/array.h"
#include "pybind/engine_options.h"
#include "pybind/gil/guarded.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

// An engine with the graph that it runs, and the flow's stage where that takes flow.
struct OpenEngine {
  std::unique_ptr<Engine> engine;
  GraphSpec graph;
  std::unique_ptr<ClipFlow> flow;
};
using EngineHandle = Guarded<OpenEngine>;

// A tensor that an engine gave, in memory of its own.
struct Result {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

using Log = std::optional<std::function<void(const std::string&)>>;

std::unique_ptr<EngineHandle> open_engine(const Bundle& bundle, size_t graph,
                                          const EngineOptions& options) {
  check(graph < bundle.graphs.size(), ErrorCode::kUsage, "the bundle ", bundle.name, " has ",
        bundle.graphs.size(), " graphs; there is no number ", graph);
  OpenEngine open{make_engine(bundle, bundle.graphs[graph], options), bundle.graphs[graph], {}};
  if (bundle.clip.flow.used) open.flow = std::make_unique<ClipFlow>(bundle.clip);
  return std::make_unique<EngineHandle>(std::move(open));
}

// Of a clip that the model takes; the engine itself refuses others.
TensorView flow_of(OpenEngine& open, const TensorView& clip) {
  if (!open.flow) return {};
  const ClipSpec& spec = open.flow->spec();
  const Shape shape = {1, spec.length, 3, spec.height, spec.width};
  return clip.shape == shape ? open.flow->run(clip.f32()) : TensorView{};
}

TensorView view_of(const py::array_t<float, py::array::c_style>& values) {
  return {const_cast<float*>(values.data()), DType::kFloat32,
          Shape(values.shape(), values.shape() + 5), Device{}};
}

// What the engine gave, under the names that the graph has for it.
std::vector<Result> results_of(const EngineOutputs& outputs, const GraphSpec& graph) {
  std::vector<Result> results;
  const auto add = [&](const std::string& name, const TensorView& tensor) {
    if (!tensor.data) return;  // not given, or only the logits were asked for
    const float* values = tensor.f32();
    results.push_back({name, tensor.shape, {values, values + num_elements(tensor.shape)}});
  };
  add("logits", outputs.logits);
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    const LayerTensors& tensors = outputs.layers[i];
    const ExplainedLayer& names = graph.layers[i];
    add(names.activation, tensors.activation);
    add(names.relevance, tensors.relevance);
    add(names.weight, tensors.weight);
    add(names.gradient, tensors.gradient);
  }
  return results;
}

// Copies before the next call may overwrite what the engine gave.
std::vector<Result> run(EngineHandle& handle, EngineInputs inputs, bool has_flow) {
  return handle.with([&](OpenEngine& open) {
    if (!has_flow) inputs.flow = flow_of(open, inputs.clip);
    return results_of(open.engine->infer(inputs), open.graph);
  });
}

py::dict infer(EngineHandle& handle, const py::array& clip, int64_t target,
               const std::optional<py::array>& flow) {
  const auto values = require_array<float>(clip, 5, "a clip float32 [1, T, 3, H, W]");
  EngineInputs inputs{view_of(values), target};
  py::array_t<float, py::array::c_style> flows;
  if (flow) {
    flows = require_array<float>(*flow, 5, "a flow float32 [1, T − 1, 2, H, W]");
    inputs.flow = view_of(flows);
  }
  py::dict result;
  for (const Result& tensor : run(handle, inputs, flow.has_value())) {
    const std::vector<py::ssize_t> shape(tensor.shape.begin(), tensor.shape.end());
    result[tensor.name.c_str()] = py::array_t<float>(shape, tensor.values.data());
  }
  return result;
}

std::unique_ptr<EngineHandle> make_handle(const Bundle& bundle, size_t graph,
                                          const std::string& engine, const std::string& device,
                                          const std::string& precision, int threads,
                                          const std::string& cache_dir, bool logits_only,
                                          int workspace_mib, bool rebuild, const Log& log) {
  EngineOptions options = engine_options(engine, device, precision, threads, cache_dir);
  options.logits_only = logits_only;
  options.workspace_mib = workspace_mib;
  options.rebuild = rebuild;
  if (log)
    options.log = [&log](const std::string& text) {
      const py::gil_scoped_acquire held;
      (*log)(text);
    };
  const Released released;
  return open_engine(bundle, graph, options);
}

void register_layers(py::module_& module) {
  py::class_<LayerSpec>(
      module, "LayerSpec",
      "An explained layer: its name, its shape [C, t, h, w], and where cell i lies on the clip,\n"
      "offset + stride * i, in sampled frames and pixels (t, y, x).")
      .def_readonly("name", &LayerSpec::name)
      .def_readonly("shape", &LayerSpec::shape)
      .def_readonly("stride", &LayerSpec::stride)
      .def_readonly("offset", &LayerSpec::offset)
      .def_readonly("receptive_field", &LayerSpec::receptive_field)
      .def("__repr__", [](const LayerSpec& self) {
        return py::str("LayerSpec({!r}, shape {}, stride {}, offset {})")
            .format(self.name, self.shape, self.stride, self.offset);
      });

  py::class_<ExplainedLayer>(
      module, "ExplainedLayer",
      "A layer that a graph explains, one of several or the only one, and its outputs' names.")
      .def_readonly("name", &ExplainedLayer::name)
      .def_readonly("layer", &ExplainedLayer::layer)
      .def_readonly("activation", &ExplainedLayer::activation)
      .def_readonly("weight", &ExplainedLayer::weight)
      .def_readonly("gradient", &ExplainedLayer::gradient)
      .def_readonly("relevance", &ExplainedLayer::relevance)
      .def_readonly("of_flow", &ExplainedLayer::of_flow)
      .def("__repr__", [](const ExplainedLayer& self) {
        return py::str("ExplainedLayer({!r}, {!r})").format(self.name, self.layer);
      });
}

void register_graph(py::module_& module) {
  py::class_<GraphSpec>(
      module, "GraphSpec",
      "One graph of a bundle: its file, the methods that it serves, its outputs and layers.")
      .def_readonly("file", &GraphSpec::file)
      .def_readonly("sha256", &GraphSpec::sha256)
      .def_readonly("precision", &GraphSpec::precision)
      .def_readonly("reference", &GraphSpec::reference)
      .def_readonly("map_correlation", &GraphSpec::map_correlation)
      .def_readonly("drifts", &GraphSpec::exceeds_drift_limit)
      .def_readonly("methods", &GraphSpec::methods)
      .def_readonly("default_method", &GraphSpec::default_method)
      .def_readonly("logits", &GraphSpec::logits)
      .def_readonly("layers", &GraphSpec::layers)
      .def_property_readonly("layer", &GraphSpec::grid)
      .def_property_readonly("gives_relevance", &GraphSpec::gives_relevance)
      .def_readonly("unspecific", &GraphSpec::class_agnostic)
      .def_readonly("undecided", &GraphSpec::undecided)
      .def("__repr__", [](const GraphSpec& self) {
        return py::str("GraphSpec({!r}, methods {}, {})")
            .format(self.file, self.methods, self.grid());
      });
}

void register_bundle(py::module_& module) {
  py::class_<Bundle>(module, "Bundle")
      .def_readonly("folder", &Bundle::folder)
      .def_readonly("name", &Bundle::name)
      .def_readonly("labels", &Bundle::labels)
      .def_readonly("clip", &Bundle::clip)
      .def_property_readonly("head", [](const Bundle& self) { return to_string(self.head.kind); })
      .def_property_readonly("unit", [](const Bundle& self) { return self.head.unit; })
      .def_readonly("graphs", &Bundle::graphs)
      .def_readonly("precision", &Bundle::precision)
      .def_readonly("export_error", &Bundle::export_error)
      .def_readonly("sidecar", &Bundle::sidecar)
      .def_readonly("sidecar_stated", &Bundle::sidecar_stated);
}

void register_open_engine(py::module_& module) {
  py::class_<EngineInfo>(
      module, "EngineInfo",
      "An inference engine: its name and version, and the device and precision it computes in.")
      .def_readonly("name", &EngineInfo::name)
      .def_readonly("version", &EngineInfo::version)
      .def_readonly("device", &EngineInfo::device)
      .def_readonly("precision", &EngineInfo::precision)
      .def("__repr__", [](const EngineInfo& self) {
        return py::str("EngineInfo({!r}, {!r}, device {!r}, precision {!r})")
            .format(self.name, self.version, self.device, self.precision);
      });

  py::class_<EngineHandle>(module, "Engine")
      .def(py::init(&make_handle), py::arg("bundle"), py::arg("graph") = 0,
           py::arg("engine") = "auto", py::arg("device") = "cpu", py::arg("precision") = "auto",
           py::arg("threads") = 0, py::arg("cache_dir") = "", py::arg("logits_only") = false,
           py::arg("workspace_mib") = 0, py::arg("rebuild") = false, py::arg("say") = py::none())
      .def_property_readonly("info",
                             [](EngineHandle& handle) {
                               return handle.with([](OpenEngine& e) { return e.engine->info(); });
                             })
      .def("infer", &infer, py::arg("clip"), py::arg("target") = -1, py::arg("flow") = py::none());
}

void register_methods(py::module_& module) {
  module.def("offered_methods", &offered_methods, py::arg("bundle"));
  module.def(
      "graph_of",
      [](const Bundle& bundle, const std::string& method) {
        return plan_method(bundle, method).graph;
      },
      py::arg("bundle"), py::arg("method"));
}

}  // namespace

void register_engine(py::module_& module) {
  register_layers(module);
  register_graph(module);
  register_bundle(module);
  module.def("load_bundle", &load_bundle, py::arg("folder"), py::call_guard<Released>());
  register_open_engine(module);
  register_methods(module);
}

}  // namespace tubecam
