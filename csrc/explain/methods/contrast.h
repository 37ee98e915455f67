// One class rather than another: the explanation of the difference of two logits.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace tubecam {

// Which class is explained, and which one it is held against.
struct Target {
  int64_t label;    // −1 = the predicted class
  int64_t against;  // −1 = none: the logit of `label` is explained

  Target(int64_t label = -1, int64_t against = -1) : label(label), against(against) {}
};

// Two passes, and what they differ by.
class ContrastPass {
 public:
  // As Engine::infer() for `target.label`, less weight, gradient and relevance for
  // `target.against`; logits and activations are the same in both. Valid until the next call.
  const EngineOutputs& infer(Engine& engine, EngineInputs inputs, const Target& target);

 private:
  EngineOutputs outputs_;
  std::vector<std::vector<float>> differences_;
};

}  // namespace tubecam
