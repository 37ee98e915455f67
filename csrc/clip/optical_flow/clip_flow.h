// The stage between a window and a model that takes optical flow: a clip → its flow.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/export.h"
#include "base/tensor.h"
#include "bundle/clip_spec.h"
#include "clip/optical_flow/optical_flow.h"

namespace tubecam {

// Note [Flow]
// Flow i is that from sampled frame i to i + 1 of the clip, T − 1 in all; it lies half an interval
// later. It is computed on the clip itself, whose colours are turned back into grey (0…255,
// BT.601's weights, rounded), and so at the model's own size:
// displacements are in pixels of the model's input from one to the next. Each is clamped to ±bound
// and multiplied by `scale`. Windows overlap: flow between two pictures that the window before had
// in a row is taken over. A clip that stands still has no flow; it is answered beside that, so that
// a window's frozen copy does not push the window itself out of memory.
class TUBECAM_API ClipFlow {
 public:
  // Throws as make_optical_flow() does, and kUsage for a clip of one sampled frame. `engine`
  // replaces the factory's own.
  explicit ClipFlow(const ClipSpec& spec, std::unique_ptr<OpticalFlow> engine = nullptr);

  // clip: [T, 3, H, W] float32, normalised. The result, [1, T − 1, 2, H, W] float32, x then y, is
  // valid until the next run. Not re-entrant.
  TensorView run(const float* clip);

  const ClipSpec& spec() const { return spec_; }
  uint64_t computed() const { return computed_; }  // flows, all but those taken over

 private:
  void turn_grey(const float* sampled, uint8_t* grey) const;
  bool stands_still() const;
  bool same(int before, int now) const;
  int find(int now, int guess) const;
  void compute(int now, float* flow);
  TensorView view(std::vector<float>& flow) const;

  ClipSpec spec_;
  std::unique_ptr<OpticalFlow> engine_;
  size_t pixels_;
  uint64_t computed_ = 0;
  bool remembers_ = false;
  std::vector<uint8_t> grey_, before_;            // [T, H, W], of this window and the last
  std::vector<float> flow_, flow_before_, none_;  // [T − 1, 2, H, W]
};

}  // namespace tubecam
