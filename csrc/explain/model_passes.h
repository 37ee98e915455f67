// One clip's passes through the engine, counted and timed.
#pragma once

#include <memory>
#include <vector>

#include "clip/optical_flow/clip_flow.h"
#include "engine/engine.h"
#include "explain/device/clip_reader.h"
#include "explain/device/device_cam.h"
#include "explain/methods/contrast.h"
#include "explain/methods/multi_pass.h"

namespace tubecam {

// What runs: the engine of the plan's graph, the flow's stage where the model takes flow, what
// finds the tube on the engine's GPU (device_cam.h), and what reads clips that lie there.
struct ClipStages {
  Engine& engine;
  ClipFlow* flow = nullptr;
  std::shared_ptr<const DeviceCam> cam;
  ClipReader* reader = nullptr;  // for a clip on a GPU
};

class ModelPasses {
 public:
  // clip: [1, T, 3, H, W] float32. On a GPU it is checked there, ahead of the engine; not where its
  // flow is wanted, which is computed in system memory. against: the class that all targets are
  // held against, in a pass of its own; −1 = none.
  ModelPasses(const ClipStages& stages, const ClipSpec& spec, const TensorView& clip,
              int64_t against);

  // Whether NaN and infinity are looked for while the engine runs, and not before.
  bool checks_on_the_way() const { return host_ == nullptr; }
  bool is_finite() const;
  const float* host_clip();           // in system memory
  std::vector<float> flow_of_clip();  // empty where the model takes none

  // Of the clip, of another one, [T, 3, H, W], and of inputs whose flow need not be their clip's.
  const EngineOutputs& infer(int64_t target);
  const EngineOutputs& infer(const float* clip, int64_t target);
  const EngineOutputs& infer(const ModelInputs& inputs, int64_t target);

  int count() const { return count_; }
  double engine_ms() const { return engine_ms_; }
  double flow_ms() const { return flow_ms_; }

 private:
  const EngineOutputs& infer_with_flow(const TensorView& clip, int64_t target);
  const EngineOutputs& run(const EngineInputs& inputs);

  const ClipStages& stages_;
  const ClipSpec& spec_;
  const int64_t against_;
  ContrastPass contrast_;
  TensorView clip_;
  const float* host_ = nullptr;  // of clip_, once it was asked for
  int count_ = 0;
  double engine_ms_ = 0, flow_ms_ = 0;
};

}  // namespace tubecam
