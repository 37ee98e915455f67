#include "engine/engine.h"

#include <cstdlib>

#include "base/error.h"
#include "base/library.h"
#include "bundle/precision.h"

namespace tubecam {
namespace {

struct Library {
  const char* engine;
  const char* file;    // beside libtubecam.so
  const char* option;  // of CMake
  const char* remedy;  // when it is there and does not load
};

// The explicit list of engines.
constexpr Library kLibraries[] = {
    {"openvino", "libtubecam_openvino.so", "TUBECAM_OPENVINO",
     "OpenVINO's runtime comes with the Python package `openvino`, in the version that tubecam "
     "pins"},
    {"tensorrt", "libtubecam_tensorrt.so", "TUBECAM_TENSORRT",
     "TensorRT is the system's: install libnvinfer and libnvonnxparser"},
};

const Library& find_library(const EngineOptions& options) {
  std::string name = options.engine;
  const char* forced = std::getenv("TUBECAM_ENGINE");
  if (name == "auto" && forced && *forced) name = forced;
  if (name == "auto") name = options.device.type == DeviceType::kCpu ? "openvino" : "tensorrt";
  for (const Library& library : kLibraries) {
    if (name == library.engine) return library;
  }
  fail(ErrorCode::kUsage, "unknown engine \"", name, "\": choose auto, ", listed(kEngines));
}

EngineEntry* load_entry(const Library& library) {
  const std::string path = (own_folder() / library.file).string();
  check(std::filesystem::exists(path), ErrorCode::kUnavailable, "this build has no ",
        library.engine, " engine: there is no ", path, ". Build tubecam with -D", library.option,
        "=ON");
  const std::string what = std::string(library.engine) + " engine";
  return reinterpret_cast<EngineEntry*>(
      load_symbol(path, "tubecam_make_engine", what.c_str(), library.remedy));
}

void check_options(const EngineOptions& options) {
  check(options.threads >= 0 && options.threads <= 1024, ErrorCode::kUsage,
        "threads must be 0 (the engine's choice) … 1024, not ", options.threads);
  check(options.workspace_mib >= 0, ErrorCode::kUsage,
        "the workspace must be 0 (all there is) or a number of MiB, not ", options.workspace_mib);
}

}  // namespace

void Engine::follow_with(EngineEpilogue) {
  fail(ErrorCode::kUsage, "the engine ", info().name,
       " has no stream that kernels could follow on");
}

std::vector<LayerTime> Engine::profile(const EngineInputs&) { return {}; }

std::unique_ptr<Engine> make_engine(const Bundle& bundle, const GraphSpec& graph,
                                    const EngineOptions& options) {
  check_options(options);
  const Library& library = find_library(options);
  EngineOptions known = options;
  known.precision = parse_precision(options.precision);
  const GraphSpec chosen = graph_in(bundle, graph, known.precision);
  EngineEntry* entry = load_entry(library);
  return std::unique_ptr<Engine>(entry(bundle, chosen, known));
}

}  // namespace tubecam
