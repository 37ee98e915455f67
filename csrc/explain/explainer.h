// From a frame to an explanation. Read this file first.
//
//   Explainer explainer("engines/motion");
//   if (auto explanation = explainer.push(frame, pts)) …   // where and when the model looked
//
// push() is the whole path on one thread: frame → ClipWindow (preprocess, window by presentation
// time) → explain_clip (Engine: logits and the explanation's tensors from one infer call; cam3d:
// tube; statistics). A caller with threads of its own, such as the GStreamer element, keeps a
// ClipWindow per stream and calls explain() where it likes.
//
// On a GPU the sampled frames, the clip and the engine's tensors stay there: a frame goes to the
// device, and logits and tube come back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/export.h"
#include "bundle/bundle.h"
#include "engine/engine.h"
#include "explain/explanation.h"
#include "explain/methods/contrast.h"
#include "explain/methods/method_options.h"

namespace tubecam {

// What opens a graph of the bundle; make_engine() does.
using EngineMaker =
    std::function<std::unique_ptr<Engine>(const Bundle&, const GraphSpec&, const EngineOptions&)>;

inline constexpr Word kFallbacks[] = {
    {"none", "Nowhere: it is an error"},
    {"cpu", "On the processor"},
};

struct ExplainerOptions {
  EngineOptions engine;
  EngineMaker make_engine = tubecam::make_engine;
  // One of kFallbacks: where to go on when the GPU cannot be used or is lost. The receipt says so.
  std::string fallback = "none";
  std::string method;      // empty = the bundle's default
  int64_t target = -1;     // −1 = the predicted class
  int hop = 4;             // sampled frames between windows
  float threshold = 0.5f;  // of the tube's maximum: what counts as a box
  double budget_ms = 0;    // a window, engine and explanation; 0: none. See method_budget.h
  MethodOptions method_options;
};

// What one call asks for in place of the settings.
struct Asked {
  std::optional<Target> target;
  std::string method;  // empty = the settings' one, as the budget allows
};

class TUBECAM_API Explainer {
 public:
  explicit Explainer(const std::string& bundle_folder, const ExplainerOptions& options = {});
  ~Explainer();

  // One call at a time; a second one waits.
  std::optional<Explanation> push(const Frame& frame, int64_t pts);
  Explanation explain(const float* clip, const Window& window,  // clip: [T, 3, H, W] float32
                      const Asked& asked = {});
  // The same for [1, T, 3, H, W] float32 in system memory or on the engine's GPU, where it is
  // waited for as TensorView::ready says. Throws kUsage for another dtype, shape or device.
  Explanation explain(const TensorView& clip, const Window& window, const Asked& asked = {});
  void reset();  // forgets the window, for a seek or a new stream
  // A stream has ended: where no window was complete since reset(), explains one that is padded.
  std::optional<Explanation> finish(Padding padding);
  // Another rate than the bundle's, for a window that spans a whole video; 0: the bundle's again.
  // Forgets the window.
  void sample_at(double fps);

  // Where clips are best: the GPU that the engine runs on, or the CPU, also once it took over. Any
  // thread may ask.
  Device device() const;
  // For a caller whose own work on that GPU failed. True: the CPU has taken over, as `fallback`
  // allows. Waits for a window that is being explained.
  bool fall_back_to_cpu(const Error& error);

  // May be called from any thread; the next window uses them. Throw kUsage naming the valid values.
  void set_target(const Target& target);
  void set_method(const std::string& method);
  void set_threshold(float threshold);
  void set_hop(int hop);
  void set_budget(double milliseconds);
  void set_method_options(const MethodOptions& options);

  const Bundle& bundle() const;
  EngineInfo engine_info() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tubecam
