// What is known of one window once it is explained. explanation_fields.h lists what is
// reported of it.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/head.h"
#include "clip/clip_window.h"
#include "explain/device/device_cam.h"
#include "explain/methods/pathways.h"
#include "explain/receipt/receipt.h"
#include "explain/tube/relevance_signal.h"
#include "explain/tube/tube.h"

namespace tubecam {

// Milliseconds of this window's stages.
struct Timings {
  double preprocess = 0;  // all sampled frames new to this window, and their optical flow
  double engine = 0;
  double explain = 0;  // cam3d, curve, peak, boxes
};

struct TUBECAM_API Explanation {
  bool valid = true;    // false: NaN or infinity was met; the tube is zero
  std::string problem;  // where, when not valid
  std::string label;    // the predicted class
  int64_t label_index = -1;
  float score = 0;     // what the model says of the label: see `scores`
  std::string target;  // the explained class: "A", or "A:B" against B
  int64_t target_index = -1;
  int64_t against_index = -1;  // the class that it is held against, −1 = none (methods/contrast.h)
  std::vector<float> logits;   // [K]
  // [K], scores.h: probabilities, but for the head kScores. Empty where a logit is not finite.
  std::vector<float> scores;
  HeadKind head = HeadKind::kSoftmax;
  std::string also;         // of a sigmoid head: the other labels above one half, "b 61 %, c 55 %"
  std::vector<float> tube;  // [t, h, w], in receipt.unit; of several pathways, their joined one
  // The same where a GPU found it, for methods of one pass; null: there is none.
  std::shared_ptr<const DeviceTube> device_tube;
  std::array<int, 3> shape{};
  std::array<double, 3> stride{}, offset{};
  std::vector<float> curve;   // [T]
  std::vector<float> motion;  // [t, h, w], 0…1: each cell's share that is motion; empty: unknown
  // Of the decision, and how it was found: "split", "split-exact" or "selective" (motion.h), or
  // "flow": what the pathways of the optical flow found (pathways.h).
  double motion_share = std::numeric_limits<double>::quiet_NaN();
  std::string motion_by;
  std::vector<Pathway> pathways;  // of a model with several explained layers; empty: one
  Peak peak;
  int64_t peak_pts = 0;    // ns
  Box peak_point;          // relative to the frame; width and height 0
  float threshold = 0.5f;  // of the tube's maximum: what counts as a box
  std::vector<Box> boxes;  // at the peak's time
  Window window;
  std::array<int, 3> clip{};  // T, H, W of the model's input
  // Of a stream: what became final by this window of the relevance over time, fused from all
  // overlapping windows; and the fused relevance so far at the window's slices, [T]. Empty for a
  // single clip.
  std::vector<int64_t> signal_pts;
  std::vector<float> signal, fused_curve;
  Timings timings;
  Receipt receipt;

  TubeView view() const;
  // Adds the curve to its stream's signal, and keeps what that gives.
  void fuse(RelevanceSignal* stream);
};

// Where the time `pts` lies within a window, in sampled frames (fractional, clamped to 0 … T−1).
TUBECAM_API double slice_at(const Window& window, int64_t pts);

}  // namespace tubecam
