// An inference engine runs one explained graph. Engines live in libraries of their own that are
// loaded when asked for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/device.h"
#include "base/tensor.h"
#include "engine/bundle.h"

namespace tubecam {

struct EngineOptions {
  std::string engine = "auto";  // auto, openvino, tensorrt
  Device device;
  std::string precision = "auto";  // auto, fp32, fp16, bf16
  int threads = 0;                 // 0 = the engine's choice
  std::string cache_dir;           // compiled models; empty = none
  bool logits_only = false;        // the model without its explanation: what that costs is measured
};

struct EngineInfo {
  std::string name;  // "openvino"
  std::string version;
  std::string device;     // as the engine names it
  std::string precision;  // what it really computes in
};

// What one inference reads, on the engine's device.
struct EngineInputs {
  TensorView clip;      // [1, T, 3, H, W] float32
  int64_t target = -1;  // class, −1 = predicted
  TensorView flow{};    // [1, T − 1, 2, H, W] float32, read where the clip's spec has flow
};

// What is known of one explained layer among several, like the fields of EngineOutputs.
struct PathwayTensors {
  TensorView activation, weight, gradient;
};

// Views of the engine's own memory, valid until the next infer(). What the graph does not give has
// no data.
struct EngineOutputs {
  TensorView logits;                     // [1, K]
  TensorView activation;                 // [1, C, t, h, w]
  TensorView weight;                     // [1, C]
  TensorView gradient;                   // [1, C, t, h, w]
  TensorView relevance;                  // [1, t, h, w]
  std::vector<PathwayTensors> pathways;  // as GraphSpec::pathways
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual EngineInfo info() const = 0;
  virtual const EngineOutputs& infer(const EngineInputs& inputs) = 0;  // not re-entrant
};

// The explicit factory. Throws kUnavailable when the engine's library was not built (names the
// CMake option) or cannot be loaded (says which file and why); kEngine when the graph does not load
// or its inputs and outputs are not those that the sidecar states (names, shapes, dtypes are all
// compared). `auto` is OpenVINO on the CPU and TensorRT on CUDA, unless the environment variable
// TUBECAM_ENGINE names one.
std::unique_ptr<Engine> make_engine(const Bundle& bundle, const GraphSpec& graph,
                                    const EngineOptions& options);

// What an engine's library exports, as extern "C" `tubecam_make_engine`. The caller owns the
// result.
using EngineEntry = Engine*(const Bundle& bundle, const GraphSpec& graph,
                            const EngineOptions& options);

}  // namespace tubecam
