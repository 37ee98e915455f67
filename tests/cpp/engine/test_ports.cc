#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/ports.h"

namespace tubecam {
namespace {

// Two layers, a clip's and a flow's, of a graph that gives activations and gradients.
struct TwoStreams {
  Bundle bundle;
  GraphSpec graph;

  TwoStreams() {
    bundle.labels = {"a", "b", "c"};
    bundle.clip.length = 8;
    bundle.clip.height = 16;
    bundle.clip.width = 24;
    bundle.clip.flow.used = true;
    graph.logits = "logits";
    graph.layers.resize(2);
    graph.layers[0].activation = "activation_0";
    graph.layers[0].weight = "weight_0";
    graph.layers[0].layer.shape = {6, 4, 2, 3};
    graph.layers[1].activation = "activation_1";
    graph.layers[1].gradient = "gradient_1";
    graph.layers[1].layer.shape = {5, 2, 2, 3};
  }

  Ports ports(bool logits_only = false) const { return ports_of(bundle, graph, logits_only); }

  // As a graph that is as the sidecar says.
  FoundTensors found() const {
    FoundTensors all;
    for (const InputPort& port : ports().inputs)
      all.inputs.push_back({port.name, port.tensor ? "float32" : "int64", port.shape});
    for (const OutputPort& port : ports().outputs)
      all.outputs.push_back({port.name, "float32", port.shape});
    return all;
  }
};

std::string complaint(const FoundTensors& found, Types types = Types::kAsStated) {
  try {
    check_ports(TwoStreams().ports(), found, types, "model.onnx");
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kEngine);
    return error.what();
  }
}

TEST(Ports, EachTensorHasItsPlace) {
  const Ports ports = TwoStreams().ports();
  ASSERT_EQ(ports.inputs.size(), 3u);
  EXPECT_EQ(ports.inputs[0].name, "target");
  EXPECT_EQ(ports.inputs[1].shape, (Shape{1, 8, 3, 16, 24}));
  EXPECT_EQ(ports.inputs[2].shape, (Shape{1, 7, 2, 16, 24}));
  ASSERT_EQ(ports.outputs.size(), 5u);
  EngineOutputs outputs;
  outputs.layers.resize(2);
  float values[5] = {};
  for (size_t i = 0; i < 5; ++i) ports.outputs[i].view_in(&outputs).data = values + i;
  EXPECT_EQ(outputs.logits.f32(), values);
  EXPECT_EQ(outputs.layers[0].activation.f32(), values + 1);
  EXPECT_EQ(outputs.layers[0].weight.f32(), values + 2);
  EXPECT_EQ(outputs.layers[1].activation.f32(), values + 3);
  EXPECT_EQ(outputs.layers[1].gradient.f32(), values + 4);
  EXPECT_EQ(ports.outputs[2].shape, (Shape{1, 6}));
  EXPECT_EQ(ports.outputs[4].shape, (Shape{1, 5, 2, 2, 3}));
  EXPECT_EQ(TwoStreams().ports(true).outputs.size(), 1u);
}

TEST(Ports, GradientsOfInputsAreOfTheirShape) {
  TwoStreams scene;
  for (ExplainedLayer& layer : scene.graph.layers) {
    layer.activation = layer.weight = "";
    layer.gradient = layer.of_flow ? "gradient_flow" : "gradient_clip";
  }
  scene.graph.layers[1].of_flow = true;
  const Ports ports = scene.ports();
  ASSERT_EQ(ports.outputs.size(), 3u);
  EXPECT_EQ(ports.outputs[1].shape, ports.inputs[1].shape);
  EXPECT_EQ(ports.outputs[2].shape, ports.inputs[2].shape);
}

TEST(Ports, SayWhatIsMissingOrDifferent) {
  const FoundTensors good = TwoStreams().found();
  EXPECT_EQ(complaint(good), "");
  FoundTensors bad = good;
  bad.outputs[3].name = "other";
  EXPECT_EQ(complaint(bad),
            "model.onnx has no output `activation_1`, which the sidecar names; it has logits, "
            "activation_0, weight_0, other, gradient_1");
  bad = good;
  bad.inputs[1].shape[0] = -1;
  EXPECT_EQ(complaint(bad),
            "the input `clip` of model.onnx is float32 [?, 8, 3, 16, 24]; the sidecar says "
            "float32 [1, 8, 3, 16, 24]");
  bad = good;
  bad.inputs[0].type = "int32";
  EXPECT_EQ(complaint(bad),
            "the input `target` of model.onnx is int32 [1]; the sidecar says int64 [1]");
}

TEST(Ports, PlansMayBeNarrowerButNotTheirLogitsAndClip) {
  FoundTensors narrow = TwoStreams().found();
  narrow.inputs[0].type = "int32";
  for (size_t i = 1; i < 5; ++i) narrow.outputs[i].type = i % 2 ? "float16" : "bfloat16";
  EXPECT_EQ(complaint(narrow, Types::kAnyPrecision), "");
  EXPECT_NE(complaint(narrow, Types::kAsStated), "");
  FoundTensors bad = narrow;
  bad.outputs[0].type = "float16";
  EXPECT_NE(complaint(bad, Types::kAnyPrecision).find("`logits`"), std::string::npos);
  bad = narrow;
  bad.inputs[1].type = "float16";
  EXPECT_NE(complaint(bad, Types::kAnyPrecision).find("`clip`"), std::string::npos);
  bad = narrow;
  bad.outputs[2].type = "int8";
  EXPECT_NE(complaint(bad, Types::kAnyPrecision).find("`weight_0`"), std::string::npos);
}

TEST(Ports, RefuseAViewOfAnotherShape) {
  const InputPort clip = TwoStreams().ports().inputs[1];
  float value = 0;
  EXPECT_NO_THROW(clip.check_view({&value, DType::kFloat32, {1, 8, 3, 16, 24}, {}}));
  EXPECT_THROW(clip.check_view({&value, DType::kFloat32, {1, 8, 3, 16, 16}, {}}), Error);
  EXPECT_THROW(clip.check_view({&value, DType::kFloat16, {1, 8, 3, 16, 24}, {}}), Error);
  EXPECT_THROW(clip.check_view({nullptr, DType::kFloat32, {1, 8, 3, 16, 24}, {}}), Error);
}

}  // namespace
}  // namespace tubecam
