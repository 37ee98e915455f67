// A small network that stands in for a bundle's: the same numbers from an engine on the CPU and
// from one whose clip, tensors and epilogue are on the device, as TensorRT's are.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "explain/explainer.h"
#include "support/cuda_fixture.h"
#include "support/golden_clip.h"

namespace tubecam {

// Of the golden bundles: a clip [8, 3, 16, 16] → 5 logits, activation [6, 4, 4, 4], weight [6].
struct StandInNetwork {
  static constexpr size_t kClip = 8 * 3 * 16 * 16, kCells = 64, kChannels = 6;
  std::vector<float> logits = std::vector<float>(5);
  std::vector<float> activation = std::vector<float>(kChannels * kCells);
  std::vector<float> weight = {0.5f, -0.25f, 1, 0.75f, -0.5f, 0.25f};

  void run(const float* clip) {
    std::fill(activation.begin(), activation.end(), 0.0f);
    for (size_t i = 0; i < kClip; ++i) {
      const size_t x = i % 16, y = i / 16 % 16, color = i / 256 % 3, slice = i / 768;
      const size_t cell = slice / 2 * 16 + y / 4 * 4 + x / 4;
      activation[color * kCells + cell] += std::fmax(clip[i], 0.0f) / 32;
      activation[(color + 3) * kCells + cell] += std::fmax(-clip[i], 0.0f) / 32;
    }
    for (size_t k = 0; k < logits.size(); ++k) {
      logits[k] = float(k) * 0.1f;
      for (size_t i = 0; i < activation.size(); ++i)
        logits[k] += activation[i] * weight[i / kCells] / (1 + float((i + k) % 5));
    }
  }
};

class HostStandIn final : public Engine {
 public:
  EngineInfo info() const override { return {"stand-in", "1", "cpu", "float32"}; }
  const EngineOutputs& infer(const EngineInputs& inputs) override {
    EXPECT_EQ(inputs.clip.device.type, DeviceType::kCpu);
    network_.run(inputs.clip.f32());
    outputs_.logits = {network_.logits.data(), DType::kFloat32, {1, 5}, {}};
    outputs_.layers[0].activation = {
        network_.activation.data(), DType::kFloat32, {1, 6, 4, 4, 4}, {}};
    outputs_.layers[0].weight = {network_.weight.data(), DType::kFloat32, {1, 6}, {}};
    return outputs_;
  }

 private:
  StandInNetwork network_;
  EngineOutputs outputs_;
};

class GpuStandIn final : public Engine {
 public:
  // The host's waits of one inference.
  static constexpr int kWaits = 2;

  GpuStandIn()
      : clip_(StandInNetwork::kClip * 4),
        clip_here_(clip_.bytes()),
        activation_(network_.activation.size() * 4),
        activation_here_(activation_.bytes()),
        weight_(to_device(network_.weight)) {
    there_.layers[0].activation = {activation_.data(), DType::kFloat32, {1, 6, 4, 4, 4}, kGpu};
    there_.layers[0].weight = {weight_.data(), DType::kFloat32, {1, 6}, kGpu};
    here_.logits = {network_.logits.data(), DType::kFloat32, {1, 5}, {}};
  }
  EngineInfo info() const override { return {"stand-in", "1", "gpu", "float32"}; }

  const EngineOutputs& infer(const EngineInputs& inputs) override {
    use_cuda(kGpu);
    if (inputs.clip.device == kGpu) ++clips_on_the_device;
    if (inputs.clip.ready) wait_for_event(inputs.clip.ready, stream_.get());
    copy_async(clip_.data(), inputs.clip.data, clip_.bytes(), stream_.get());
    copy_async(clip_here_.data(), clip_.data(), clip_.bytes(), stream_.get());
    stream_.synchronize();
    network_.run(clip_here_.as<float>());
    std::copy(network_.activation.begin(), network_.activation.end(), activation_here_.as<float>());
    copy_async(activation_.data(), activation_here_.data(), activation_.bytes(), stream_.get());
    epilogue_(there_, stream_.get());
    stream_.synchronize();
    return here_;
  }
  void follow_with(EngineEpilogue epilogue) override { epilogue_ = std::move(epilogue); }

  static inline int clips_on_the_device = 0;

 private:
  StandInNetwork network_;
  DeviceBuffer clip_;
  PinnedBuffer clip_here_;
  DeviceBuffer activation_;
  PinnedBuffer activation_here_;
  DeviceBuffer weight_;
  CudaStream stream_;
  EngineEpilogue epilogue_;
  EngineOutputs there_, here_;
};

inline ExplainerOptions stand_in_options(Device device, const std::string& method = "") {
  ExplainerOptions options;
  options.engine.device = device;
  options.method = method;
  options.hop = 2;
  options.make_engine = [](const Bundle&, const GraphSpec&,
                           const EngineOptions& wanted) -> std::unique_ptr<Engine> {
    if (wanted.device.type == DeviceType::kCpu) return std::make_unique<HostStandIn>();
    require_cuda(wanted.device.index);
    use_cuda(wanted.device);
    return std::make_unique<GpuStandIn>();
  };
  return options;
}

}  // namespace tubecam
