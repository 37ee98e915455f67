// One clip → its explanation: the passes through the engine that a method takes, and what is read
// from them.
#pragma once

#include <string>

#include "bundle/bundle.h"
#include "explain/explanation.h"
#include "explain/method_plan.h"
#include "explain/methods/contrast.h"
#include "explain/methods/method_options.h"
#include "explain/model_passes.h"

namespace tubecam {

struct ClipRequest {
  std::string method;
  Target target;
  float threshold = 0.5f;
  MethodOptions options;
};

// clip: [1, T, 3, H, W] float32 in system memory or on the engine's GPU; methods that read the clip
// themselves (optical flow, splits, several passes) bring it to system memory once. NaN or infinity
// anywhere gives an explanation that is not valid and says where.
Explanation explain_clip(const ClipStages& stages, const Bundle& bundle, const MethodPlan& plan,
                         const ClipRequest& request, const TensorView& clip, const Window& where);

}  // namespace tubecam
