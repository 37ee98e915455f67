// An inference engine runs one explained graph. Engines live in libraries of their own that are
// loaded when asked for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/choice.h"
#include "base/device.h"
#include "base/export.h"
#include "base/tensor.h"
#include "bundle/bundle.h"

struct CUstream_st;

namespace tubecam {

inline constexpr Word kEngines[] = {
    {"openvino", "OpenVINO, for any CPU"},
    {"tensorrt", "TensorRT, for NVIDIA GPUs"},
};

struct EngineOptions {
  std::string engine = "auto";  // or one of kEngines
  Device device;
  std::string precision = "auto";  // also which of the bundle's graphs runs (precision.h)
  int threads = 0;                 // 0 = the engine's choice
  std::string cache_dir;           // compiled models; empty: none, with TensorRT plan_cache.h's
  bool logits_only = false;        // the model without its explanation: what that costs is measured
  int workspace_mib = 0;           // that TensorRT may use while it builds; 0 = all there is
  bool rebuild = false;            // a plan that is there is not used
  // Hears, in sentences, of what takes long: building a plan. May be empty.
  std::function<void(const std::string&)> log;
};

struct EngineInfo {
  std::string name;  // "openvino"
  std::string version;
  std::string device;     // as the engine names it
  std::string precision;  // what it really computes in
};

// What one inference reads, in system memory or on the engine's device; there the engine waits for
// what a view says of itself (TensorView::ready).
struct EngineInputs {
  TensorView clip;      // [1, T, 3, H, W] float32
  int64_t target = -1;  // class, −1 = predicted
  TensorView flow{};    // [1, T − 1, 2, H, W] float32, read where the clip's spec has flow
};

// Of one explained layer [C, t, h, w], as ExplainedLayer names its outputs.
struct LayerTensors {
  TensorView activation;  // [1, C, t, h, w]
  TensorView weight;      // [1, C]
  TensorView gradient;    // [1, C, t, h, w], or as its input
  TensorView relevance;   // [1, t, h, w]
};

// Views of the engine's own memory, valid until the next infer(). What the graph does not give has
// no data.
struct EngineOutputs {
  TensorView logits;                                                // [1, K]
  std::vector<LayerTensors> layers = std::vector<LayerTensors>(1);  // as GraphSpec::layers
};

// Work on a GPU's stream that follows each inference. `outputs` lie on the device, may be float16
// or bfloat16 (logits never), and their addresses never change. It may neither allocate nor wait:
// it is recorded once, together with the inference, and launched with it as one.
using EngineEpilogue = std::function<void(const EngineOutputs& outputs, CUstream_st* stream)>;

struct LayerTime {
  std::string name;
  float milliseconds = 0;
};

class TUBECAM_API Engine {
 public:
  virtual ~Engine() = default;
  virtual EngineInfo info() const = 0;
  // Outputs in system memory, float32. Not re-entrant.
  virtual const EngineOutputs& infer(const EngineInputs& inputs) = 0;
  // Replaces the epilogue; infer() then returns when its work is done, and gives the logits alone:
  // the rest stays on the device, for the epilogue. Empty: all comes to system memory again. Throws
  // kUsage where there is no stream: an engine on the CPU.
  virtual void follow_with(EngineEpilogue epilogue);
  // One inference layer by layer, slower than infer(). Empty where the engine does not measure it.
  virtual std::vector<LayerTime> profile(const EngineInputs& inputs);
};

// The explicit factory. Throws kUnavailable when the engine's library was not built (names the
// CMake option) or cannot be loaded (says which file and why); kEngine when the graph does not load
// or its inputs and outputs are not those that the sidecar states (names, shapes, dtypes are all
// compared); kUsage for int8 of a bundle that quantises nothing. `auto` is OpenVINO on the CPU and
// TensorRT on CUDA, unless the environment variable TUBECAM_ENGINE names one.
TUBECAM_API std::unique_ptr<Engine> make_engine(const Bundle& bundle, const GraphSpec& graph,
                                                const EngineOptions& options);

// What an engine's library exports, as extern "C" `tubecam_make_engine`. The caller owns the
// result.
using EngineEntry = Engine*(const Bundle& bundle, const GraphSpec& graph,
                            const EngineOptions& options);

}  // namespace tubecam
