#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "clip/clip_flow.h"
#include "engine/bundle.h"
#include "engine/engine.h"
#include "explain/recipe.h"
#include "pybind/array.h"
#include "pybind/engine_options.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {
namespace {

// An engine with the graph that it runs, and the flow's stage where that takes flow.
struct EngineHandle {
  std::unique_ptr<Engine> engine;
  GraphSpec graph;
  std::unique_ptr<ClipFlow> flow;
};

using Say = std::optional<std::function<void(const std::string&)>>;

EngineHandle open_engine(const Bundle& bundle, size_t graph, const EngineOptions& options) {
  check(graph < bundle.graphs.size(), ErrorCode::kUsage, "the bundle ", bundle.name, " has ",
        bundle.graphs.size(), " graphs; there is no number ", graph);
  EngineHandle handle{make_engine(bundle, bundle.graphs[graph], options), bundle.graphs[graph], {}};
  if (bundle.clip.flow.used) handle.flow = std::make_unique<ClipFlow>(bundle.clip);
  return handle;
}

// Of a clip that the model takes; the engine itself refuses others.
TensorView flow_of(EngineHandle& handle, const TensorView& clip) {
  if (!handle.flow) return {};
  const ClipSpec& spec = handle.flow->spec();
  const Shape shape = {1, spec.length, 3, spec.height, spec.width};
  return clip.shape == shape ? handle.flow->run(clip.f32()) : TensorView{};
}

py::array copy_of(const TensorView& tensor) {
  return py::array_t<float>(std::vector<py::ssize_t>(tensor.shape.begin(), tensor.shape.end()),
                            tensor.f32());
}

TensorView view_of(const py::array_t<float, py::array::c_style>& values) {
  return {const_cast<float*>(values.data()), DType::kFloat32,
          Shape(values.shape(), values.shape() + 5), Device{}};
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
  const EngineOutputs* outputs;
  {
    py::gil_scoped_release released;
    if (!flow) inputs.flow = flow_of(handle, inputs.clip);
    outputs = &handle.engine->infer(inputs);
  }
  py::dict result;
  result["logits"] = copy_of(outputs->logits);
  for (size_t i = 0; i < outputs->pathways.size(); ++i) {
    const PathwayTensors& tensors = outputs->pathways[i];
    const PathwaySpec& names = handle.graph.pathways[i];
    // None where only the logits were asked for.
    if (tensors.activation.data) result[names.activation.c_str()] = copy_of(tensors.activation);
    if (tensors.relevance.data) result[names.relevance.c_str()] = copy_of(tensors.relevance);
    if (tensors.weight.data) result[names.weight.c_str()] = copy_of(tensors.weight);
    if (tensors.gradient.data) result[names.gradient.c_str()] = copy_of(tensors.gradient);
  }
  if (outputs->activation.data) result["activation"] = copy_of(outputs->activation);
  if (outputs->weight.data) result["weight"] = copy_of(outputs->weight);
  if (outputs->gradient.data) result["gradient"] = copy_of(outputs->gradient);
  if (outputs->relevance.data) result["relevance"] = copy_of(outputs->relevance);
  return result;
}

}  // namespace

void register_engine(py::module_& module) {
  py::class_<LayerSpec>(module, "LayerSpec")
      .def_readonly("name", &LayerSpec::name)
      .def_readonly("shape", &LayerSpec::shape)
      .def_readonly("stride", &LayerSpec::stride)
      .def_readonly("offset", &LayerSpec::offset);

  py::class_<PathwaySpec>(module, "PathwaySpec")
      .def_readonly("name", &PathwaySpec::name)
      .def_readonly("layer", &PathwaySpec::layer)
      .def_readonly("activation", &PathwaySpec::activation)
      .def_readonly("weight", &PathwaySpec::weight)
      .def_readonly("gradient", &PathwaySpec::gradient)
      .def_readonly("relevance", &PathwaySpec::relevance)
      .def_readonly("of_flow", &PathwaySpec::of_flow);

  py::class_<GraphSpec>(module, "GraphSpec")
      .def_readonly("file", &GraphSpec::file)
      .def_readonly("sha256", &GraphSpec::sha256)
      .def_readonly("precision", &GraphSpec::precision)
      .def_readonly("reference", &GraphSpec::reference)
      .def_readonly("map_correlation", &GraphSpec::map_correlation)
      .def_readonly("drifts", &GraphSpec::drifts)
      .def_readonly("methods", &GraphSpec::methods)
      .def_readonly("default_method", &GraphSpec::default_method)
      .def_readonly("logits", &GraphSpec::logits)
      .def_readonly("activation", &GraphSpec::activation)
      .def_readonly("weight", &GraphSpec::weight)
      .def_readonly("gradient", &GraphSpec::gradient)
      .def_readonly("relevance", &GraphSpec::relevance)
      .def_readonly("layer", &GraphSpec::layer)
      .def_readonly("pathways", &GraphSpec::pathways)
      .def_property_readonly("gives_relevance", &GraphSpec::gives_relevance)
      .def_readonly("unspecific", &GraphSpec::unspecific)
      .def_readonly("undecided", &GraphSpec::undecided);

  py::class_<Bundle>(module, "Bundle")
      .def_readonly("folder", &Bundle::folder)
      .def_readonly("name", &Bundle::name)
      .def_readonly("labels", &Bundle::labels)
      .def_readonly("clip", &Bundle::clip)
      .def_readonly("graphs", &Bundle::graphs)
      .def_readonly("precision", &Bundle::precision)
      .def_readonly("export_error", &Bundle::export_error)
      .def_readonly("sidecar", &Bundle::sidecar);

  py::class_<EngineInfo>(module, "EngineInfo")
      .def_readonly("name", &EngineInfo::name)
      .def_readonly("version", &EngineInfo::version)
      .def_readonly("device", &EngineInfo::device)
      .def_readonly("precision", &EngineInfo::precision);

  py::class_<EngineHandle>(module, "Engine")
      .def(py::init([](const Bundle& bundle, size_t graph, const std::string& engine,
                       const std::string& device, const std::string& precision, int threads,
                       const std::string& cache_dir, bool logits_only, int workspace_mib,
                       bool rebuild, const Say& say) {
             EngineOptions options = engine_options(engine, device, precision, threads, cache_dir);
             options.logits_only = logits_only;
             options.workspace_mib = workspace_mib;
             options.rebuild = rebuild;
             if (say)
               options.say = [&say](const std::string& text) {
                 const py::gil_scoped_acquire held;
                 (*say)(text);
               };
             py::gil_scoped_release released;
             return open_engine(bundle, graph, options);
           }),
           py::arg("bundle"), py::arg("graph") = 0, py::arg("engine") = "auto",
           py::arg("device") = "cpu", py::arg("precision") = "auto", py::arg("threads") = 0,
           py::arg("cache_dir") = "", py::arg("logits_only") = false, py::arg("workspace_mib") = 0,
           py::arg("rebuild") = false, py::arg("say") = py::none())
      .def_property_readonly("info",
                             [](const EngineHandle& handle) { return handle.engine->info(); })
      .def("infer", &infer, py::arg("clip"), py::arg("target") = -1, py::arg("flow") = py::none());

  module.def("load_bundle", &load_bundle, py::arg("folder"),
             py::call_guard<py::gil_scoped_release>());
  module.def("method_names", &method_names);
  module.def("relevance_method_names", &relevance_method_names);
  module.def("few_pass_method_names", &few_pass_method_names);
  module.def("motion_method_names", &motion_method_names);
  module.def("offered_methods", &offered_methods, py::arg("bundle"));
  module.def(
      "graph_of",
      [](const Bundle& bundle, const std::string& method) {
        return find_recipe(bundle, method).graph;
      },
      py::arg("bundle"), py::arg("method"));
}

}  // namespace tubecam
