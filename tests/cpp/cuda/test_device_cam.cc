// What follows an engine on a GPU, with an engine that stands in for TensorRT's.
#include <cmath>

#include "explain/device/device_cam.h"
#include "explain/tube/tube.h"
#include "support/cuda_fixture.h"

namespace tubecam {
namespace {

using CudaDeviceCam = CudaTest;

// Gives tensors that lie on the device, and records its epilogue as TensorRT's engine does.
class StandIn final : public Engine {
 public:
  EngineInfo info() const override { return {"stand-in", "1", "cuda", "float16"}; }
  const EngineOutputs& infer(const EngineInputs&) override {
    if (!graph_.ready()) {
      epilogue_(outputs, stream_.get());
      EXPECT_EQ(graph_.record(stream_.get(), [this] { epilogue_(outputs, stream_.get()); }), "");
    }
    graph_.launch(stream_.get());
    stream_.synchronize();
    return outputs;
  }
  void follow_with(EngineEpilogue epilogue) override {
    epilogue_ = std::move(epilogue);
    graph_.reset();
    ++followed;
  }

  EngineOutputs outputs;
  int followed = 0;

 private:
  EngineEpilogue epilogue_;
  CudaStream stream_;
  CapturedGraph graph_;
};

struct Scene {
  Bundle bundle;
  GraphSpec graph;
  std::vector<float> activation = random_values(6 * 24, 1, 0, 2);
  std::vector<float> gradient = random_values(6 * 24, 2, -1, 1);
  DeviceBuffer activation_there = to_device(encode(activation, DType::kFloat16));
  DeviceBuffer gradient_there = to_device(encode(gradient, DType::kFloat16));
  StandIn engine;
  CamEpilogue epilogue;

  Scene() {
    bundle.labels = {"a", "b", "c"};
    bundle.clip.length = 8;
    graph.layers[0].activation = "activation";
    graph.layers[0].layer.shape = {6, 2, 3, 4};
    graph.layers[0].layer.stride = {4, 16, 16};
    graph.layers[0].layer.offset = {1.5, 7.5, 7.5};
    engine.outputs.layers[0].activation = {
        activation_there.data(), DType::kFloat16, {1, 6, 2, 3, 4}, kGpu};
    engine.outputs.layers[0].gradient = {
        gradient_there.data(), DType::kFloat16, {1, 6, 2, 3, 4}, kGpu};
  }
  const DeviceCam& run(const std::string& method) {
    const auto cam = epilogue.follow(engine, bundle, graph, kGpu, method);
    engine.infer({});
    return *cam;  // the epilogue keeps it
  }
};

void expect_same(const DeviceCam& cam, const Scene& scene, CamMethod method) {
  std::vector<float> tube(24), curve(8);
  const CamInput input{scene.activation.data(), nullptr, scene.gradient.data(), 6, 2, 3, 4};
  const CamStats expected = cam3d(input, method, tube.data());
  temporal_curve({tube.data(), 2, 3, 4, {4, 16, 16}, {1.5, 7.5, 7.5}}, 8, curve.data());
  EXPECT_TRUE(cam.stats().finite);
  EXPECT_NEAR(cam.stats().sum, expected.sum, 1e-4);
  EXPECT_NEAR(cam.stats().max, expected.max, 1e-5);
  EXPECT_EQ(cam.stats().peak, expected.peak);
  for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(cam.tube()[i], tube[i], 2e-5);
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(cam.curve()[i], curve[i], 2e-4);
  std::vector<float> copy(24);
  EXPECT_EQ(cam.copy_to(copy.data()).peak, expected.peak);
  EXPECT_EQ(copy, std::vector<float>(cam.tube(), cam.tube() + 24));
}

TEST_F(CudaDeviceCam, FollowsTheEngineByTheMethodAskedFor) {
  Scene scene;
  for (const char* method : {"gradcam", "gradcam", "layercam", "hirescam", "gradcam"})
    expect_same(scene.run(method), scene, parse_cam_method(method));
  EXPECT_EQ(scene.engine.followed, 4);  // once a change
}

TEST_F(CudaDeviceCam, SeesWhatTheEngineComputedAgain) {
  Scene scene;
  scene.run("gradcam");
  scene.activation = random_values(6 * 24, 9, 0, 2);
  const auto bytes = encode(scene.activation, DType::kFloat16);
  const CudaStream stream;
  copy_async(scene.activation_there.data(), bytes.data(), bytes.size(), stream.get());
  stream.synchronize();
  expect_same(scene.run("gradcam"), scene, CamMethod::kGradCam);
}

TEST_F(CudaDeviceCam, TakesRelevanceThatTheGraphFound) {
  Scene scene;
  scene.graph.layers[0].layer.shape = {1, 2, 3, 4};
  scene.graph.layers[0].activation.clear();
  scene.graph.layers[0].relevance = "relevance";
  scene.engine.outputs.layers[0].relevance = {
      scene.gradient_there.data(), DType::kFloat16, {1, 2, 3, 4}, kGpu};
  scene.engine.outputs.layers[0].activation = scene.engine.outputs.layers[0].gradient = {};
  const DeviceCam& cam = scene.run("lrp-epsilon");
  for (size_t i = 0; i < 24; ++i) EXPECT_EQ(cam.tube()[i], scene.gradient[i]);
}

TEST_F(CudaDeviceCam, TheTubeIsOnTheDeviceTooUntilTheNextWindow) {
  Scene scene;
  const DeviceCam& cam = scene.run("gradcam");
  const TensorView there = cam.device_tube();
  EXPECT_EQ(there.shape, (Shape{2, 3, 4}));
  EXPECT_EQ(there.device, kGpu);
  EXPECT_EQ(to_host<float>(there.data, 24), std::vector<float>(cam.tube(), cam.tube() + 24));
  const auto owner =
      scene.epilogue.follow(scene.engine, scene.bundle, scene.graph, kGpu, "gradcam");
  const DeviceTube tube{there, owner, owner->window()};
  EXPECT_TRUE(tube.is_current());
  const std::vector<float> expected(cam.tube(), cam.tube() + 24);
  const auto copy = tube.copy();
  EXPECT_NE(copy.get(), there.data);
  zero_async(there.data, 24 * sizeof(float), nullptr);
  EXPECT_EQ(to_host<float>(copy.get(), 24), expected);
  scene.run("gradcam");
  EXPECT_FALSE(tube.is_current());
  EXPECT_THROW(tube.copy(), Error);
}

TEST_F(CudaDeviceCam, NoticesWhatIsNotFinite) {
  Scene scene;
  scene.activation[5] = NAN;
  scene.activation_there = to_device(encode(scene.activation, DType::kFloat16));
  scene.engine.outputs.layers[0].activation.data = scene.activation_there.data();
  EXPECT_FALSE(scene.run("gradcam").stats().finite);
}

TEST(DeviceCam, OnTheCpuNothingFollows) {
  class OnCpu final : public Engine {
   public:
    EngineInfo info() const override { return {"some", "", "", ""}; }
    const EngineOutputs& infer(const EngineInputs&) override { return outputs_; }

   private:
    EngineOutputs outputs_;
  } engine;
  EXPECT_EQ(CamEpilogue().follow(engine, {}, {}, Device{}, "gradcam"), nullptr);
  GraphSpec graph;
  graph.layers[0].gradient = "gradient";  // of the clip
  EXPECT_EQ(CamEpilogue().follow(engine, {}, graph, kGpu, "smoothgrad"), nullptr);
  graph.layers.resize(2);
  EXPECT_EQ(CamEpilogue().follow(engine, {}, graph, kGpu, "gradcam"), nullptr);
  EXPECT_THROW(engine.follow_with({}), Error);
  EXPECT_TRUE(engine.profile({}).empty());
}

}  // namespace
}  // namespace tubecam
