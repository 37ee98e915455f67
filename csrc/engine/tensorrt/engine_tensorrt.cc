// The TensorRT engine, 8.5 to 11: a library of its own, so that TensorRT is loaded only when it is
// asked for.
#include <NvInfer.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/cuda/cuda.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "engine/tensorrt/plan_cache.h"
#include "engine/tensorrt/tensorrt_log.h"
#include "engine/tensorrt/tensorrt_plan.h"

// Note [One pass]
// Inputs are copied to fixed places on the device, and outputs stay at theirs. So inference and the
// epilogue (our kernels: cam3d, and the copy of its result to the host) are recorded once and
// launched as one CUDA graph; the host waits for one event. Where CUDA refuses to record (some
// plans' layers wait or allocate), the same work is put into the stream piece by piece.

namespace tubecam {
namespace {

using nvinfer1::DataType;
using nvinfer1::TensorIOMode;

// Every engine's, and never destroyed: TensorRT may speak until the process ends.
TensorRtLog& the_log() {
  static TensorRtLog& log = *new TensorRtLog;
  return log;
}

Shape shape_of(const nvinfer1::Dims& dims) { return {dims.d, dims.d + std::max(dims.nbDims, 0)}; }

bool is_bfloat16(DataType type) {
#if NV_TENSORRT_MAJOR >= 10
  return type == DataType::kBF16;
#else
  (void)type;
  return false;
#endif
}

bool is_int64(DataType type) {
#if NV_TENSORRT_MAJOR >= 10
  return type == DataType::kINT64;
#else
  (void)type;
  return false;
#endif
}

// As ports.h says it.
std::string type_of(DataType type) {
  if (type == DataType::kFLOAT) return "float32";
  if (type == DataType::kHALF) return "float16";
  if (is_bfloat16(type)) return "bfloat16";
  if (is_int64(type)) return "int64";
  return type == DataType::kINT32 ? "int32" : "of type " + std::to_string(int(type));
}

size_t bytes_of(DataType type) {
  if (type == DataType::kFLOAT || type == DataType::kINT32) return 4;
  return type == DataType::kHALF || is_bfloat16(type) ? 2 : 8;
}

// Of a float.
DType dtype_of(DataType type) {
  if (type == DataType::kHALF) return DType::kFloat16;
  return is_bfloat16(type) ? DType::kBFloat16 : DType::kFloat32;
}

FoundTensors found_in(const nvinfer1::ICudaEngine& engine) {
  FoundTensors found;
  for (int32_t i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    const bool input = engine.getTensorIOMode(name) == TensorIOMode::kINPUT;
    (input ? found.inputs : found.outputs)
        .push_back(
            {name, type_of(engine.getTensorDataType(name)), shape_of(engine.getTensorShape(name))});
  }
  return found;
}

size_t memory_needed(const nvinfer1::ICudaEngine& engine) {
#if NV_TENSORRT_MAJOR >= 10
  return size_t(engine.getDeviceMemorySizeV2());
#else
  return engine.getDeviceMemorySize();
#endif
}

class Layers final : public nvinfer1::IProfiler {
 public:
  void reportLayerTime(const char* name, float milliseconds) noexcept override {
    try {
      times.push_back({name, milliseconds});
    } catch (...) {  // no memory: a layer is missing
    }
  }
  std::vector<LayerTime> times;
};

class TensorRtEngine final : public Engine {
 public:
  TensorRtEngine(const Bundle& bundle, const GraphSpec& graph, const EngineOptions& options)
      : file_(graph.file), device_(options.device) {
    use_cuda(device_);
    gpu_ = cuda_device_info(device_.index);
    load(bundle, graph, options);
    const Ports ports = ports_of(bundle, graph, options.logits_only);
    check_ports(ports, found_in(*engine_), Types::kAnyPrecision, file_);
    for (EngineOutputs* outputs : {&device_outputs_, &host_, &logits_})
      outputs->layers.resize(graph.layers.size());
    for (const InputPort& port : ports.inputs) bind_input(port);
    for (const OutputPort& port : ports.outputs) bind_output(port);
    target_ = PinnedBuffer(sizeof(int64_t));
    stream_ = std::make_unique<CudaStream>();
    finished_ = std::make_unique<CudaEvent>();
  }

  ~TensorRtEngine() override { context_.reset(); }

  EngineInfo info() const override {
    std::string version = tensorrt_version();
    if (!refused_.empty()) version += ", not as one CUDA graph: " + refused_;
    return {"tensorrt", version, gpu_.name, precision_};
  }

  const EngineOutputs& infer(const EngineInputs& inputs) override {
    check(::getpid() == process_, ErrorCode::kUsage,
          "CUDA does not survive a fork: open the explainer in the process that uses it, or start "
          "processes with multiprocessing's \"spawn\"");
    use_cuda(device_);
    upload(inputs);
    if (state_ == State::kNew) {  // TensorRT settles its memory at the first call
      enqueue();
      stream_->synchronize();
      refused_ = graph_.record(stream_->get(), [this] { enqueue(); });
      state_ = State::kRecorded;
    } else if (graph_.ready()) {
      graph_.launch(stream_->get());
    } else {
      enqueue();
    }
    finished_->record(stream_->get());
    finished_->synchronize();
    return epilogue_ ? logits_ : host_;
  }

  void follow_with(EngineEpilogue epilogue) override {
    epilogue_ = std::move(epilogue);
    graph_.reset();
    state_ = State::kNew;
  }

  std::vector<LayerTime> profile(const EngineInputs& inputs) override {
    use_cuda(device_);
    infer(inputs);  // warm
    Layers layers;
    context_->setProfiler(&layers);
    upload(inputs);
    enqueue();
    stream_->synchronize();
    context_->setProfiler(nullptr);
    return layers.times;
  }

 private:
  enum class State { kNew, kRecorded };
  struct Input {
    InputPort port;
    void* data;  // on the device
  };
  struct Copy {
    TensorView there, here;
  };

  void load(const Bundle& bundle, const GraphSpec& graph, const EngineOptions& options) {
    TensorRtLog& log = the_log();
    PlanCache cache(options.cache_dir, options.log);
    const std::string capability = std::to_string(gpu_.major) + "." + std::to_string(gpu_.minor);
    const PlanKey key = plan_key(bundle, graph, options, gpu_.name, capability);
    precision_ = key.precision;
    runtime_.reset(nvinfer1::createInferRuntime(log));
    check(runtime_ != nullptr, ErrorCode::kUnavailable, "TensorRT ", tensorrt_version(),
          " does not start: ", log.take("it gives no reason"));
    const auto build = [&] { return build_plan(graph, options, cache, key, log); };
    PlanCache::Bytes plan = cache.load_or_build(key, build, options.rebuild);
    engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
    if (!engine_) {  // of another build of the same version: never loaded, built again
      if (options.log) options.log("the plan does not load here: " + log.take("no reason given"));
      plan = cache.load_or_build(key, build, true);
      engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
    }
    check(engine_ != nullptr, ErrorCode::kEngine, "TensorRT cannot load the plan of ", file_, ": ",
          log.take("it gives no reason"));
    make_context(log);
  }

  void make_context(TensorRtLog& log) {
    const size_t needed = memory_needed(*engine_), free = device_memory().free;
    check(needed <= free, ErrorCode::kDevice, "the plan of ", file_, " needs ", needed >> 20,
          " MiB of device memory, but ", free >> 20, " MiB are free");
    context_.reset(engine_->createExecutionContext());
    check(context_ != nullptr, ErrorCode::kDevice, "TensorRT cannot prepare ", file_, " on ",
          gpu_.name, ": ", log.take("it gives no reason"));
  }

  // Gives a tensor of the plan memory.
  void* bind(const Port& port, DataType type) {
    const size_t bytes = size_t(num_elements(port.shape)) * bytes_of(type);
    memory_.emplace_back(std::max<size_t>(bytes, 256));
    void* data = memory_.back().data();
    const bool bound = context_->setTensorAddress(port.name.c_str(), data);
    check(bound, ErrorCode::kEngine, "TensorRT refuses memory for `", port.name, "`");
    return data;
  }

  void bind_input(const InputPort& port) {
    const DataType type = engine_->getTensorDataType(port.name.c_str());
    void* data = bind(port, type);
    if (port.tensor) return inputs_.push_back({port, data});
    target_type_ = type;
    target_on_device_ = data;
  }

  // On the device as the plan gives it, and in system memory as float32.
  void bind_output(const OutputPort& port) {
    const DataType type = engine_->getTensorDataType(port.name.c_str());
    const TensorView there = {bind(port, type), dtype_of(type), port.shape, device_};
    host_memory_.emplace_back(size_t(num_elements(port.shape)) * sizeof(float));
    const TensorView here = {host_memory_.back().data(), DType::kFloat32, port.shape, {}};
    port.view_in(&device_outputs_) = there;
    port.view_in(&host_) = here;
    if (port.is_logits()) logits_.logits = here;
    copies_.push_back({there, here});
  }

  void copy_input(const TensorView& from, const Input& to) const {
    to.port.check_view(from);
    if (from.ready) wait_for_event(from.ready, stream_->get());
    const size_t bytes = size_t(num_elements(to.port.shape)) * sizeof(float);
    copy_async(to.data, from.data, bytes, stream_->get());
  }

  void upload(const EngineInputs& inputs) {
    for (const Input& input : inputs_) copy_input(inputs.*input.port.tensor, input);
    const int32_t narrow = int32_t(inputs.target);
    if (is_int64(target_type_))
      std::memcpy(target_.data(), &inputs.target, sizeof inputs.target);
    else
      std::memcpy(target_.data(), &narrow, sizeof narrow);
  }

  // What is recorded.
  void enqueue() {
    const size_t target_bytes = is_int64(target_type_) ? sizeof(int64_t) : sizeof(int32_t);
    copy_async(target_on_device_, target_.data(), target_bytes, stream_->get());
    check(context_->enqueueV3(stream_->get()), ErrorCode::kDevice, "TensorRT cannot run ", file_,
          ": ", the_log().take("it gives no reason"));
    for (const Copy& copy : copies_) {
      if (epilogue_ && &copy != &copies_.front()) break;  // the logits come first
      copy_as_float_async(static_cast<float*>(copy.here.data), copy.there, stream_->get());
    }
    if (epilogue_) epilogue_(device_outputs_, stream_->get());
  }

  std::string file_, precision_;
  const pid_t process_ = ::getpid();
  Device device_;
  CudaDeviceInfo gpu_;
  // Destroyed in the reverse of this order: the context before its engine.
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  std::vector<DeviceBuffer> memory_;
  std::vector<Input> inputs_;  // but for the target
  DataType target_type_ = DataType::kINT32;
  void* target_on_device_ = nullptr;
  PinnedBuffer target_;
  EngineOutputs device_outputs_, host_, logits_;
  std::vector<PinnedBuffer> host_memory_;
  std::vector<Copy> copies_;  // of the outputs, logits first
  EngineEpilogue epilogue_;
  std::unique_ptr<CudaStream> stream_;
  std::unique_ptr<CudaEvent> finished_;
  State state_ = State::kNew;
  CapturedGraph graph_;
  std::string refused_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::Engine* tubecam_make_engine(const tubecam::Bundle& bundle,
                                                            const tubecam::GraphSpec& graph,
                                                            const tubecam::EngineOptions& options) {
  using namespace tubecam;
  check(options.device.type == DeviceType::kCuda, ErrorCode::kUsage,
        "the tensorrt engine runs on the device cuda or cuda:N, not on ",
        options.device.to_string());
  require_kernels(options.device);
  return new TensorRtEngine(bundle, graph, options);
}
