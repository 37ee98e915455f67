// The OpenVINO engine: a library of its own, so that OpenVINO is loaded only when it is asked for.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <new>
#include <openvino/op/relu.hpp>
#include <openvino/openvino.hpp>
#include <sstream>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/openvino/float16_to_float32.h"
#include "engine/openvino/rewrite_convolutions.h"
#include "engine/openvino/snippets.h"
#include "engine/ports.h"

namespace tubecam {
namespace {

// Note [Forked engines]
// A child of fork() has none of OpenVINO's threads. What is compiled runs there nevertheless, on
// the caller's thread; but compiling may wait for ever for a thread that OpenVINO keeps for the
// next model, and so may destroying. So a child runs what it inherits, leaks it, and compiles
// nothing.

// One core for the process. It is never destroyed: at exit, its plugins may be gone before it.
// Throws kUsage in a child of the process that made it.
ov::Core& core() {
  static const pid_t process = ::getpid();
  static ov::Core& core = *new ov::Core;
  check(::getpid() == process, ErrorCode::kUsage,
        "OpenVINO compiles no model in a forked process once its parent has used it: open what is "
        "needed before the fork, or start processes with multiprocessing's \"spawn\"");
  return core;
}

// OpenVINO's messages begin with places in its own source; a person needs the first line that says
// something.
std::string first_useful_line(const std::string& message) {
  std::istringstream lines(message);
  std::string useful, line;
  while (std::getline(lines, line)) {
    line.erase(0, line.find_first_not_of(" \t\r"));
    const bool place = line.rfind("Exception from", 0) == 0 || line.rfind("Check '", 0) == 0;
    if (!line.empty() && !place) return line;
    if (!line.empty() && useful.empty()) useful = line;
  }
  return useful;
}

// Runs a step of OpenVINO and turns its exceptions into ours.
template <typename Step>
auto guarded(const std::string& doing, Step step) -> decltype(step()) {
  try {
    return step();
  } catch (const Error&) {
    throw;
  } catch (...) {
    const std::string reason = first_useful_line(current_message());
    const bool of_memory = reason.find("bad_alloc") != std::string::npos || reason == kNoMemory;
    fail(of_memory ? ErrorCode::kDevice : ErrorCode::kEngine, "OpenVINO cannot ", doing, ": ",
         of_memory ? kNoMemory : reason);
  }
}

// Our word for an OpenVINO type.
std::string word_of(const ov::element::Type& type) {
  if (type == ov::element::f32) return "float32";
  if (type == ov::element::f16) return "float16";
  if (type == ov::element::bf16) return "bfloat16";
  return type == ov::element::i64 ? "int64" : type.to_string();
}

Shape shape_of(const ov::PartialShape& partial) {
  if (partial.rank().is_dynamic()) return {-1};
  Shape shape;
  for (const ov::Dimension& size : partial)
    shape.push_back(size.is_static() ? size.get_length() : -1);
  return shape;
}

std::vector<FoundTensor> found_in(const std::vector<ov::Output<ov::Node>>& tensors) {
  std::vector<FoundTensor> found;
  for (const auto& tensor : tensors) {
    for (const std::string& name : tensor.get_names())
      found.push_back(
          {name, word_of(tensor.get_element_type()), shape_of(tensor.get_partial_shape())});
  }
  return found;
}

// Auto, and what a quantised graph leaves, is float32: the CPU's own choice would be bfloat16 where
// it has the instructions, and explanations would then differ from machine to machine.
ov::element::Type precision_of(const EngineOptions& options) {
  if (options.precision == "float16") return ov::element::f16;
  if (options.precision == "bfloat16") return ov::element::bf16;
  return ov::element::f32;
}

void check_cache(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check(access(folder.c_str(), W_OK | X_OK) == 0, ErrorCode::kUsage, "the cache folder ", folder,
        " cannot be written: choose another one");
}

ov::AnyMap compile_options(const EngineOptions& options) {
  ov::AnyMap map = {ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                    ov::num_streams(1), ov::hint::inference_precision(precision_of(options))};
  if (options.threads > 0) map.insert(ov::inference_num_threads(options.threads));
  if (!options.cache_dir.empty()) {
    check_cache(options.cache_dir);
    map.insert(ov::cache_dir(options.cache_dir));
  }
  return map;
}

// The model with one of its outputs alone; what the others needed is gone when it is compiled.
std::shared_ptr<ov::Model> with_output(const ov::Model& model, const std::string& name) {
  const ov::Output<const ov::Node> output = model.output(name);
  return std::make_shared<ov::Model>(ov::OutputVector{output.get_node()->input_value(0)},
                                     model.get_parameters(), "plain");
}

// How many threads OpenVINO works with under these options. It reports that of a compiled model
// alone, so a smallest one is compiled, once for each number that is asked for.
int threads_of(const EngineOptions& options) {
  static std::mutex& mutex = *new std::mutex;
  static auto& known = *new std::map<int, int>;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = known.find(options.threads);
  if (found != known.end()) return found->second;
  const auto in = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::Shape{1});
  const auto out = std::make_shared<ov::op::v0::Relu>(in);
  const auto model = std::make_shared<ov::Model>(ov::OutputVector{out}, ov::ParameterVector{in});
  ov::AnyMap map = compile_options(options);
  map.erase(ov::cache_dir.name());  // not worth a file
  const auto compiled = core().compile_model(model, "CPU", map);
  return known[options.threads] = std::max(1, compiled.get_property(ov::inference_num_threads));
}

bool winograd_wanted(const EngineOptions& options) {
  const char* choice = std::getenv("TUBECAM_WINOGRAD");
  const std::string text = choice && *choice ? choice : "on";
  check(text == "on" || text == "off", ErrorCode::kUsage, "TUBECAM_WINOGRAD is \"", text,
        "\": set it to on or off");
  return text == "on" && precision_of(options) == ov::element::f32;
}

// How many convolutions and matrix products really run in integers: a CPU without the instructions
// computes a quantised graph in float.
int integer_layers(const ov::CompiledModel& model) {
  int count = 0;
  for (const auto& node : model.get_runtime_model()->get_ops()) {
    const auto& facts = node->get_rt_info();
    const auto type = facts.find("layerType"), precision = facts.find("runtimePrecision");
    if (type == facts.end() || precision == facts.end()) continue;
    const std::string layer = type->second.as<std::string>();
    const bool weighted = layer == "Convolution" || layer == "FullyConnected" || layer == "MatMul";
    const std::string name = precision->second.as<std::string>();
    count += weighted && (name == "i8" || name == "u8");
  }
  return count;
}

// What compiling needed and freed is a large part of what running needs; glibc would keep it.
void return_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

struct Compiled {
  ov::CompiledModel model;
  int rewritten = 0;      // convolutions
  std::string precision;  // "int8 (20 layers), float32"
};

EngineInfo info_of(const Compiled& compiled) {
  const std::string build = ov::get_openvino_version().buildNumber;  // 2026.4.1-22982-…
  std::string version = build.substr(0, build.find('-'));
  if (const int count = compiled.rewritten)
    version += ", " + std::to_string(count) + (count == 1 ? " convolution" : " convolutions") +
               " by Winograd's algorithm";
  return {"openvino", version, core().get_property("CPU", ov::device::full_name),
          compiled.precision};
}

Compiled compile(const Ports& ports, const std::string& file, const EngineOptions& options) {
  check(options.device.type == DeviceType::kCpu, ErrorCode::kUsage,
        "the openvino engine runs on the device cpu, not on ", options.device.to_string());
  auto model = guarded("read " + file, [&] { return core().read_model(file); });
  check_ports(ports, {found_in(model->inputs()), found_in(model->outputs())}, Types::kAsStated,
              file);
  ov::AnyMap map = compile_options(options);
  int rewritten = 0;
  auto compiled = guarded("compile " + file, [&] {
    if (options.logits_only) model = with_output(*model, ports.outputs.front().name);
    float16_to_float32(model);
    if (winograd_wanted(options)) rewritten = rewrite_convolutions(model, threads_of(options));
    if (rewritten > 0) map.erase(ov::cache_dir.name());  // it cannot hold operations of ours
    if (must_avoid_snippets(*model)) map["SNIPPETS_MODE"] = "DISABLE";
    return core().compile_model(model, "CPU", map);
  });
  const auto asked = precision_of(options),
             actual = compiled.get_property(ov::hint::inference_precision);
  check(asked == actual, ErrorCode::kUsage, "this CPU cannot compute in ", options.precision,
        ", OpenVINO would use ", word_of(actual), ": choose another precision");
  const int integers = integer_layers(compiled);
  const std::string note =
      integers > 0 ? "int8 (" + std::to_string(integers) + " layers), " : std::string();
  return {compiled, rewritten, note + word_of(actual)};
}

class OpenVinoEngine final : public Engine {
 public:
  OpenVinoEngine(const Bundle& bundle, const GraphSpec& graph, const EngineOptions& options)
      : file_(graph.file) {
    outputs_.layers.resize(graph.layers.size());
    const Ports ports = ports_of(bundle, graph, options.logits_only);
    guarded("prepare " + file_, [&] {
      const Compiled compiled = compile(ports, file_, options);
      info_ = info_of(compiled);
      running_.reset(new Running{compiled.model, {}});
      running_->request = running_->model.create_infer_request();
      running_->request.set_tensor("target", target_ = ov::Tensor(ov::element::i64, {1}));
      for (const OutputPort& port : ports.outputs) add_output(port);
    });
    inputs_ = ports.inputs;
    return_memory();
  }

  ~OpenVinoEngine() override {
    if (::getpid() != process_) running_.release();  // Note [Forked engines]
  }

  EngineInfo info() const override { return info_; }

  const EngineOutputs& infer(const EngineInputs& inputs) override {
    guarded("run " + file_, [&] {
      for (const InputPort& port : inputs_) {
        if (port.tensor) bind(port, inputs.*port.tensor);
      }
      target_.data<int64_t>()[0] = inputs.target;
      running_->request.infer();
    });
    return outputs_;
  }

 private:
  struct Running {
    ov::CompiledModel model;
    ov::InferRequest request;
  };

  // The request reads the caller's memory.
  void bind(const InputPort& port, const TensorView& view) {
    port.check_view(view);
    const ov::Shape shape(port.shape.begin(), port.shape.end());
    running_->request.set_tensor(port.name, ov::Tensor(ov::element::f32, shape, view.data));
  }

  // The request writes into a tensor of ours, whose address never changes.
  void add_output(const OutputPort& port) {
    ov::Tensor tensor(ov::element::f32, ov::Shape(port.shape.begin(), port.shape.end()));
    running_->request.set_tensor(port.name, tensor);
    port.view_in(&outputs_) = {tensor.data(), DType::kFloat32, port.shape, Device{}};
    kept_.push_back(tensor);
  }

  std::string file_;
  std::vector<InputPort> inputs_;
  EngineInfo info_;
  const pid_t process_ = ::getpid();
  std::unique_ptr<Running> running_;
  ov::Tensor target_;
  std::vector<ov::Tensor> kept_;
  EngineOutputs outputs_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::Engine* tubecam_make_engine(const tubecam::Bundle& bundle,
                                                            const tubecam::GraphSpec& graph,
                                                            const tubecam::EngineOptions& options) {
  return new tubecam::OpenVinoEngine(bundle, graph, options);
}
