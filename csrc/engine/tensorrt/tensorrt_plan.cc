#include "engine/tensorrt/tensorrt_plan.h"

#include <NvOnnxParser.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/sha256/sha256.h"
#include "bundle/precision.h"

namespace tubecam {
namespace {

using nvinfer1::BuilderFlag;
using nvinfer1::NetworkDefinitionCreationFlag;

void report_progress(const EngineOptions& options, const std::string& text) {
  if (options.log) options.log(text);
}

#if NV_TENSORRT_MAJOR >= 10
// Says each phase of the build, and how far its longest one is, in tenths.
class Progress final : public nvinfer1::IProgressMonitor {
 public:
  explicit Progress(const EngineOptions& options) : options_(options) {}

  void phaseStart(const char* phase, const char* parent, int32_t steps) noexcept override {
    if (parent) return;
    try {
      phase_ = phase;
    } catch (...) {  // no memory for a name: its progress is not reported
      phase_.clear();
    }
    steps_ = std::max<int32_t>(steps, 1);
    said_ = -1;
    stepComplete(phase, 0);
  }
  bool stepComplete(const char* phase, int32_t step) noexcept override {
    const int tenth = step * 10 / steps_;
    if (phase_ != phase || tenth == said_) return true;
    said_ = tenth;
    try {
      report_progress(options_, phase_ + " " + std::to_string(tenth * 10) + " %");
    } catch (...) {
      return false;  // the caller wants it to end
    }
    return true;
  }
  void phaseFinish(const char*) noexcept override {}

 private:
  const EngineOptions& options_;
  std::string phase_;
  int32_t steps_ = 1;
  int said_ = -1;
};
#endif

// What is computed in: "float32". The graph was chosen by the option (precision.h), so that int8 is
// its own types, whatever they are.
std::string precision_in(const GraphSpec& graph, const EngineOptions& options) {
  const bool own = options.precision == "auto" || options.precision == "int8";
  return own ? graph.precision : options.precision;
}

// The graph was exported in the precision that is asked for, or none is.
bool in_graphs_types(const GraphSpec& graph, const EngineOptions& options) {
  return precision_in(graph, options) == graph.precision;
}

uint32_t network_flags(bool graphs_types) {
  uint32_t flags = 0;
#if NV_TENSORRT_MAJOR < 10
  (void)graphs_types;
  flags |= 1u << uint32_t(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
#elif NV_TENSORRT_MAJOR == 10
  if (graphs_types) flags |= 1u << uint32_t(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#else
  (void)graphs_types;
#endif
  return flags;
}

[[noreturn]] void refuse_precision(const GraphSpec& graph, const EngineOptions& options) {
  fail(ErrorCode::kUsage, "TensorRT ", NV_TENSORRT_MAJOR, " does not compute a graph of ",
       graph.precision, " in ", options.precision,
       ": export the bundle in that precision, or choose auto");
}

// From 10.12 on, headers warn of the flags that 11 no longer has.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

void allow_types(const GraphSpec& graph, const EngineOptions& options,
                 nvinfer1::IBuilderConfig& config) {
  config.clearFlag(BuilderFlag::kTF32);
  const bool graphs_types = in_graphs_types(graph, options);
#if NV_TENSORRT_MAJOR < 10
  const std::string precision = precision_in(graph, options);
  if (precision == "bfloat16" || (precision == "float32" && !graphs_types))
    refuse_precision(graph, options);
  if (precision != "float32") config.setFlag(BuilderFlag::kFP16);
  if (precision == "int8") config.setFlag(BuilderFlag::kINT8);
#elif NV_TENSORRT_MAJOR == 10
  if (graphs_types) return;
  if (options.precision == "float32") refuse_precision(graph, options);
  config.setFlag(options.precision == "float16" ? BuilderFlag::kFP16 : BuilderFlag::kBF16);
#else
  if (!graphs_types) refuse_precision(graph, options);
#endif
}

#pragma GCC diagnostic pop

std::string parser_complaint(const nvonnxparser::IParser& parser) {
  if (parser.getNbErrors() == 0) return "";
  const nvonnxparser::IParserError& error = *parser.getError(0);
  std::string text = error.desc();
#if NV_TENSORRT_MAJOR >= 10
  const std::string name = error.nodeName(), kind = error.nodeOperator();
  if (!kind.empty()) text = "the operator " + kind + " (layer " + name + "): " + text;
#else
  if (error.node() >= 0) text = "node " + std::to_string(error.node()) + ": " + text;
#endif
  return text;
}

void parse(const GraphSpec& graph, nvonnxparser::IParser& parser, TensorRtLog& log) {
  if (parser.parseFromFile(graph.file.c_str(), int(nvinfer1::ILogger::Severity::kERROR))) return;
  const std::string complaint = parser_complaint(parser), said = log.take("it gives no reason");
  fail(ErrorCode::kEngine, "TensorRT ", tensorrt_version(), " cannot read ", graph.file, ": ",
       complaint.empty() ? said : complaint);
}

void check_network(const GraphSpec& graph, const nvinfer1::INetworkDefinition& network) {
  for (int32_t i = 0; i < network.getNbInputs(); ++i) {
    const nvinfer1::ITensor& input = *network.getInput(i);
    const nvinfer1::Dims shape = input.getDimensions();
    const bool fixed = std::all_of(shape.d, shape.d + shape.nbDims, [](auto d) { return d > 0; });
    check(fixed, ErrorCode::kEngine, "the input ", input.getName(), " of ", graph.file,
          " has no fixed shape: export the bundle again");
  }
  if (graph.precision != "int8") return;
  bool quantises = false;
  for (int32_t i = 0; i < network.getNbLayers(); ++i)
    quantises |= network.getLayer(i)->getType() == nvinfer1::LayerType::kQUANTIZE;
  check(quantises, ErrorCode::kUsage, graph.file,
        " does not quantise anything, though its sidecar says int8: export the bundle again with "
        "`tubecam export … --precision int8 --calibrate VIDEO`, or choose float16");
}

// What is no output is not computed.
void keep_logits(const GraphSpec& graph, nvinfer1::INetworkDefinition& network) {
  for (int32_t i = network.getNbOutputs() - 1; i >= 0; --i) {
    nvinfer1::ITensor& output = *network.getOutput(i);
    if (output.getName() != graph.logits) network.unmarkOutput(output);
  }
}

PlanCache::Bytes bytes_of(const nvinfer1::IHostMemory& memory) {
  const char* data = static_cast<const char*>(memory.data());
  return {data, data + memory.size()};
}

// What TensorRT made in a step, which is nothing where it failed.
template <typename T>
std::unique_ptr<T> made(T* object, const char* step, const GraphSpec& graph, TensorRtLog& log) {
  check(object != nullptr, ErrorCode::kEngine, "TensorRT ", tensorrt_version(), " cannot ", step,
        " ", graph.file, ": ", log.take("it gives no reason"));
  return std::unique_ptr<T>(object);
}

// A network, and the parser that owns what it was read into.
struct ParsedNetwork {
  std::unique_ptr<nvinfer1::INetworkDefinition> network;
  std::unique_ptr<nvonnxparser::IParser> parser;
};

ParsedNetwork read_network(nvinfer1::IBuilder& builder, const GraphSpec& graph,
                           const EngineOptions& options, TensorRtLog& log) {
  const uint32_t flags = network_flags(in_graphs_types(graph, options));
  ParsedNetwork read;
  read.network = made(builder.createNetworkV2(flags), "start building", graph, log);
  read.parser = made(nvonnxparser::createParser(*read.network, log), "read", graph, log);
  parse(graph, *read.parser, log);
  check_network(graph, *read.network);
  if (options.logits_only) keep_logits(graph, *read.network);
  return read;
}

std::unique_ptr<nvinfer1::IBuilderConfig> make_config(nvinfer1::IBuilder& builder,
                                                      const GraphSpec& graph,
                                                      const EngineOptions& options,
                                                      TensorRtLog& log) {
  auto config = made(builder.createBuilderConfig(), "configure", graph, log);
  allow_types(graph, options, *config);
  const size_t workspace = size_t(options.workspace_mib) << 20;
  if (workspace > 0) config->setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, workspace);
  return config;
}

// What earlier builds measured, which the config then uses and adds to.
std::unique_ptr<nvinfer1::ITimingCache> load_timings(const PlanCache& cache, const PlanKey& key,
                                                     nvinfer1::IBuilderConfig& config) {
  const auto known = cache.load_timings(key).value_or(PlanCache::Bytes());
  std::unique_ptr<nvinfer1::ITimingCache> timings(
      config.createTimingCache(known.data(), known.size()));
  if (timings) config.setTimingCache(*timings, false);
  return timings;
}

// A plan is worth more than its timings: where they cannot be kept, that is said.
void store_timings(const nvinfer1::ITimingCache& timings, const EngineOptions& options,
                   const PlanKey& key, const PlanCache& cache) {
  const std::unique_ptr<nvinfer1::IHostMemory> learnt(timings.serialize());
  try {
    if (learnt) cache.store_timings(key, bytes_of(*learnt));
  } catch (const Error& error) {
    report_progress(options, error.what());
  }
}

}  // namespace

PlanKey plan_key(const Bundle& bundle, const GraphSpec& graph, const EngineOptions& options,
                 const std::string& gpu, const std::string& capability) {
  // The sidecar states the SHA-256 of every file, also of weights beside the graph.
  const std::string content = graph.sha256 + bundle.sidecar;
  std::string precision = precision_in(graph, options);
  if (options.logits_only) precision += "-logits";
  if (options.workspace_mib > 0) precision += "-" + std::to_string(options.workspace_mib) + "MiB";
  return {sha256_of(content.data(), content.size()), "TensorRT " + tensorrt_version(), gpu,
          capability, precision};
}

PlanCache::Bytes build_plan(const GraphSpec& graph, const EngineOptions& options, PlanCache& cache,
                            const PlanKey& key, TensorRtLog& log) {
  report_progress(options, "building a plan of " + graph.file + " for " + key.gpu +
                               ", which takes minutes and is done once");
  const auto builder = made(nvinfer1::createInferBuilder(log), "start building", graph, log);
  const ParsedNetwork parsed = read_network(*builder, graph, options, log);
  const auto config = make_config(*builder, graph, options, log);
#if NV_TENSORRT_MAJOR >= 10
  Progress progress(options);
  config->setProgressMonitor(&progress);
#endif
  const auto timings = load_timings(cache, key, *config);
  const auto plan = made(builder->buildSerializedNetwork(*parsed.network, *config),
                         "build a plan of", graph, log);
  if (timings) store_timings(*timings, options, key, cache);
  return bytes_of(*plan);
}

}  // namespace tubecam
