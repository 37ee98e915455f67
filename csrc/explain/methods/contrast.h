// One class rather than another: the explanation of the difference of two logits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/export.h"
#include "engine/engine.h"

namespace tubecam {

// Which class is explained, and which one it is held against.
struct Target {
  int64_t label;    // −1 = the predicted class
  int64_t against;  // −1 = none: the logit of `label` is explained

  Target(int64_t label = -1, int64_t against = -1) : label(label), against(against) {}
};

// Whether what a graph gives for a method is linear in the explained value, so that the difference
// of two passes is that of the difference of two logits. True of activations with their gradients
// or weights and of rules that share relevance out; not of those that take an absolute value or
// rectify on the way back, and not of those that say nothing of the class.
TUBECAM_API bool has_contrast(const std::string& method);

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
