// What is known of one window once it is explained.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/head.h"
#include "clip/clip_window.h"
#include "explain/device/device_cam.h"
#include "explain/methods/pathways.h"
#include "explain/tube/relevance_signal.h"
#include "explain/tube/tube.h"

namespace tubecam {

// Milliseconds of this window's stages.
struct Timings {
  double preprocess = 0;  // all sampled frames new to this window, and their optical flow
  double engine = 0;
  double explain = 0;  // cam3d, curve, peak, boxes
};

// How far an explanation can be trusted.
struct Receipt {
  std::string method, layer, engine, precision;
  std::optional<std::array<double, 3>> receptive_field;  // of a cell: sampled frames, clip pixels
  std::string unit;          // of the tube and all that is made of it (unit.h)
  double relevance_sum = 0;  // before ReLU
  double logit = 0;          // of the target
  double export_error = 0;   // relative, from the bundle's check
  double conservation = std::numeric_limits<double>::quiet_NaN();  // explain/methods/conservation.h
  // Of the clip that relevance is relative to: conservation is then of the logits' difference.
  double baseline_logit = std::numeric_limits<double>::quiet_NaN();
  int passes = 1;  // through the engine
  // False: the export found that the method ignores the class; none: its check was inconclusive.
  std::optional<bool> class_specific = true;
  // Of the quantised graph's maps with float32's, by its export; NaN: it is not quantised. It
  // exceeds_drift_limit: they differ by more, and the export was forced.
  double map_correlation = std::numeric_limits<double>::quiet_NaN();
  bool exceeds_drift_limit = false;
  std::string downgraded_from;  // the method asked for, where the budget did not pay it
  std::string fell_back_from;   // "cuda:0: " and what failed there, where the CPU took over
};

struct TUBECAM_API Explanation {
  bool valid = true;    // false: NaN or infinity was met; the tube is zero
  std::string problem;  // where, when not valid
  int64_t label = -1;   // predicted class
  std::string label_name;
  float score = 0;            // what the model says of the label: see `scores`
  int64_t target = -1;        // explained class
  int64_t against = -1;       // the class that it is held against, −1 = none (methods/contrast.h)
  std::string target_name;    // "A", or "A:B" against B
  std::vector<float> logits;  // [K]
  // [K], scores.h: probabilities, but for the head kScores. Empty where a logit is not finite.
  std::vector<float> scores;
  HeadKind head = HeadKind::kSoftmax;
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
  std::vector<Box> boxes;  // at the peak's time
  Window window;
  // Of a stream: what became final by this window of the relevance over time that all overlapping
  // windows give together. Empty for a single clip.
  std::vector<RelevanceSignal::Sample> signal;
  Timings timings;
  Receipt receipt;

  TubeView view() const;
};

// Where the time `pts` lies within a window, in sampled frames (fractional, clamped to 0 … T−1).
TUBECAM_API double slice_at(const Window& window, int64_t pts);

}  // namespace tubecam
