// One clip → its explanation: the passes through the engine that a method takes, and what is read
// from them.
#pragma once

#include <string>

#include "bundle/bundle.h"
#include "clip/optical_flow/clip_flow.h"
#include "engine/engine.h"
#include "explain/device/clip_reader.h"
#include "explain/device/device_cam.h"
#include "explain/explanation.h"
#include "explain/method_options.h"
#include "explain/method_plan.h"
#include "explain/methods/contrast.h"

namespace tubecam {

struct ClipRequest {
  std::string method;
  Target target;
  float threshold = 0.5f;
  MethodOptions options;
};

// What runs: the engine of the plan's graph, the flow's stage where the model takes flow, what
// finds the tube on the engine's GPU (device_cam.h), and what reads clips that lie there.
struct ClipStages {
  Engine& engine;
  ClipFlow* flow = nullptr;
  std::shared_ptr<const DeviceCam> cam;
  ClipReader* reader = nullptr;  // for a clip on a GPU
};

// clip: [1, T, 3, H, W] float32 in system memory or on the engine's GPU; methods that read the clip
// themselves (optical flow, splits, several passes) bring it to system memory once. NaN or infinity
// anywhere gives an explanation that is not valid and says where.
Explanation explain_clip(const ClipStages& stages, const Bundle& bundle, const MethodPlan& plan,
                         const ClipRequest& request, const TensorView& clip, const Window& where);

}  // namespace tubecam
