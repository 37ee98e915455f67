// The engine: what it computes, where its memory lies, and what it refuses.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "bundle/precision.h"
#include "engine/engine.h"
#include "support/golden_clip.h"

namespace tubecam {
namespace {

struct Opened {
  Bundle bundle;
  std::unique_ptr<Engine> engine;

  explicit Opened(const std::string& name, const EngineOptions& options = {})
      : bundle(load_bundle(golden_folder(name))),
        engine(make_engine(bundle, bundle.graphs[0], options)) {}

  const EngineOutputs& infer(std::vector<float>& clip, int64_t target = -1) {
    const TensorView view{clip.data(), DType::kFloat32, {1, 8, 3, 16, 16}, {}};
    return engine->infer({view, target});
  }
};

TEST(Engine, EqualsNumPy) {
  for (const std::string name : {"pool", "full"}) {
    Opened opened(name);
    std::vector<float> clip = golden_clip();
    const EngineOutputs& outputs = opened.infer(clip);
    const std::vector<double> expected = golden_numbers(name);
    ASSERT_EQ(outputs.logits.shape, (Shape{1, 5}));
    for (int i = 0; i < 5; ++i) EXPECT_NEAR(outputs.logits.f32()[i], expected[i], 1e-4) << name;
    EXPECT_EQ(outputs.layers[0].activation.shape, (Shape{1, 6, 4, 4, 4}));
    EXPECT_EQ(outputs.layers[0].weight.data != nullptr, name == "pool");
    EXPECT_EQ(outputs.layers[0].gradient.data != nullptr, name == "full");
  }
}

TEST(Engine, ChoosesTheTargetAtRunTime) {
  Opened opened("pool");
  std::vector<float> clip = golden_clip();
  const auto row = [&](int64_t target) {
    const float* weight = opened.infer(clip, target).layers[0].weight.f32();
    return std::vector<float>(weight, weight + 6);
  };
  EXPECT_EQ(row(-1), row(2));  // the greatest logit's
  EXPECT_NE(row(0), row(2));
}

TEST(Engine, OutputsKeepTheirPlaceAndClipsAreReadWhereTheyLie) {
  Opened opened("pool");
  std::vector<float> first = golden_clip(), second(first.size(), 0.25f);
  const float* logits = opened.infer(first).logits.f32();
  const float before = logits[0];
  EXPECT_EQ(opened.infer(second).logits.f32(), logits);
  EXPECT_NE(logits[0], before);
  opened.infer(first);
  EXPECT_EQ(logits[0], before);
}

TEST(Engine, APrecisionChoosesTheGraph) {
  Bundle bundle = load_bundle(golden_folder("pool"));
  GraphSpec graph = bundle.graphs[0];
  graph.precision = bundle.precision = "int8";
  graph.reference = "/wide.onnx";
  graph.map_correlation = 0.99;
  graph.exceeds_drift_limit = true;
  for (const std::string own : {"auto", "int8"})
    EXPECT_EQ(graph_in(bundle, graph, own).file, graph.file);
  for (const std::string other : {"float32", "float16", "bfloat16", "fp32", "bf16"}) {
    const GraphSpec chosen = graph_in(bundle, graph, other);
    EXPECT_EQ(chosen.file, "/wide.onnx");
    EXPECT_EQ(chosen.precision, "float32");
    EXPECT_FALSE(chosen.exceeds_drift_limit);
    EXPECT_EQ(graph_in(bundle, chosen, other).file, chosen.file);
  }
  graph.precision = "float32";  // of relevance, in a bundle of int8
  graph.reference.clear();
  for (const std::string any : {"auto", "int8", "float32", "bfloat16"})
    EXPECT_EQ(graph_in(bundle, graph, any).file, graph.file);
  bundle.precision = "float16";
  EXPECT_THROW(graph_in(bundle, graph, "int8"), Error);
}

TEST(Engine, SaysWhatItIs) {
  const EngineInfo info = Opened("pool").engine->info();
  EXPECT_EQ(info.name, "openvino");
  EXPECT_EQ(info.precision, "float32");
  EXPECT_EQ(info.version.substr(0, 2), "20");
  EXPECT_FALSE(info.device.empty());
}

TEST(Engine, RefusesOtherClips) {
  Opened opened("pool");
  std::vector<float> clip = golden_clip();
  const TensorView good{clip.data(), DType::kFloat32, {1, 8, 3, 16, 16}, {}};
  for (int wrong = 0; wrong < 3; ++wrong) {
    TensorView view = good;
    if (wrong == 0) view.shape = {1, 8, 3, 16, 15};
    if (wrong == 1) view.dtype = DType::kFloat16;
    if (wrong == 2) view.data = nullptr;
    EXPECT_THROW(opened.engine->infer({view, -1}), Error) << wrong;
  }
}

ErrorCode code_of(const EngineOptions& options) {
  try {
    Opened opened("pool", options);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kUsage;
}

TEST(Engine, RefusesOptionsThatItLacks) {
  EngineOptions options;
  options.engine = "tensorrt";
  options.device = {DeviceType::kCuda, 999};
  EXPECT_EQ(code_of(options), ErrorCode::kUnavailable);
  options = {};
  options.engine = "abacus";
  EXPECT_EQ(code_of(options), ErrorCode::kUsage);
  options = {};
  options.precision = "fp8";
  EXPECT_EQ(code_of(options), ErrorCode::kUsage);
  options = {};
  options.device = {DeviceType::kCuda, 999};
  EXPECT_EQ(code_of(options), ErrorCode::kUnavailable);
  options = {};
  options.precision = "int8";
  EXPECT_EQ(code_of(options), ErrorCode::kUsage);
  options = {};
  options.workspace_mib = -1;
  EXPECT_EQ(code_of(options), ErrorCode::kUsage);
  options = {};
  options.cache_dir = "/proc/no/cache";
  EXPECT_EQ(code_of(options), ErrorCode::kUsage);
}

TEST(Engine, RefusesAGraphThatIsNotWhatTheSidecarSays) {
  const Bundle good = load_bundle(golden_folder("pool"));
  for (int wrong = 0; wrong < 5; ++wrong) {
    Bundle bundle = good;
    GraphSpec& graph = bundle.graphs[0];
    ExplainedLayer& layer = graph.layers[0];
    if (wrong == 0) layer.layer.shape[0] = 7;
    if (wrong == 1) layer.activation = "activations";
    if (wrong == 2) layer.gradient = std::exchange(layer.weight, "");
    if (wrong == 3) bundle.labels.pop_back();
    if (wrong == 4) bundle.clip.length = 16;
    try {
      make_engine(bundle, graph, {});
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kEngine) << error.what();
    }
  }
}

}  // namespace
}  // namespace tubecam
