// From a frame to an explanation. Read this file first.
//
//   Explainer explainer("engines/motion");
//   if (auto explanation = explainer.push(frame, pts)) …   // where and when the model looked
//
// push() is the whole path on one thread: frame → ClipWindow (preprocess, window by presentation
// time) → Engine (logits and the explanation's tensors from one infer call) → cam3d (tube) →
// statistics. A caller with threads of its own, such as the GStreamer element, keeps a ClipWindow
// per stream and calls explain() where it likes.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clip/clip_window.h"
#include "engine/bundle.h"
#include "engine/engine.h"
#include "explain/cam3d.h"
#include "explain/relevance_signal.h"
#include "explain/tube.h"

namespace tubecam {

struct ExplainerOptions {
  EngineOptions engine;
  std::string method;      // empty = the bundle's default
  int64_t target = -1;     // −1 = the predicted class
  int hop = 4;             // slices between windows
  float threshold = 0.5f;  // of the tube's maximum: what counts as a box
  double budget_ms = 0;    // a window, engine and explanation; 0: none. See method_budget.h
};

// Milliseconds of this window's stages.
struct Timings {
  double preprocess = 0;  // all slices new to this window
  double engine = 0;
  double explain = 0;  // cam3d, curve, peak, boxes
};

// How far an explanation can be trusted.
struct Receipt {
  std::string method, layer, engine, precision;
  double relevance_sum = 0;  // before ReLU
  double logit = 0;          // of the target
  double export_error = 0;   // relative, from the bundle's check
  double conservation = std::numeric_limits<double>::quiet_NaN();  // explain/conservation.h
  bool class_specific = true;   // false: the export found that the method ignores the class
  std::string downgraded_from;  // the method asked for, where the budget did not pay it
};

struct Explanation {
  bool valid = true;    // false: NaN or infinity was met; the tube is zero
  std::string problem;  // where, when not valid
  int64_t label = -1;   // predicted class
  std::string label_name;
  float score = 0;      // softmax probability of the label
  int64_t target = -1;  // explained class
  std::string target_name;
  std::vector<float> logits;  // [K]
  std::vector<float> tube;    // [t, h, w], logit units
  std::array<int, 3> shape{};
  std::array<double, 3> stride{}, offset{};
  std::vector<float> curve;   // [T]
  std::vector<float> motion;  // [t, h, w], 0…1: each cell's share that is motion; empty: unknown
  double motion_share = std::numeric_limits<double>::quiet_NaN();  // of the decision; NaN: unknown
  Peak peak;
  int64_t peak_pts = 0;    // ns
  Box peak_point;          // relative to the frame; width and height 0
  std::vector<Box> boxes;  // at the peak's time
  Window window;
  // Of a stream: what became final by this window of the relevance over time that all overlapping
  // windows tell together. Empty for a single clip.
  std::vector<RelevanceSignal::Sample> signal;
  Timings timings;
  Receipt receipt;

  TubeView view() const;
};

class Explainer {
 public:
  explicit Explainer(const std::string& bundle_folder, const ExplainerOptions& options = {});
  ~Explainer();

  // One call at a time; a second one waits.
  std::optional<Explanation> push(const Frame& frame, int64_t pts);
  Explanation explain(const float* clip, const Window& window);  // clip: [T, 3, H, W] float32
  void reset();  // forgets the window, for a seek or a new stream

  // May be called from any thread; the next window uses them. Throw kUsage naming the valid values.
  void set_target(int64_t target);
  void set_method(const std::string& method);
  void set_threshold(float threshold);
  void set_hop(int hop);
  void set_budget(double milliseconds);

  const Bundle& bundle() const;
  EngineInfo engine_info() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Where the time `pts` lies within a window, in slices (fractional, clamped to 0 … T−1).
double slice_at(const Window& window, int64_t pts);

}  // namespace tubecam
