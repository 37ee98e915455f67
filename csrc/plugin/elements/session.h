// What exists between READY and PAUSED and back: the model and its stream.
#pragma once

#include <functional>
#include <memory>

#include "live/live_windows.h"
#include "plugin/properties/properties.h"

namespace tubecam {

class Session {
 public:
  using Listener = std::function<void(Session& session, const Outcome& outcome)>;

  // listener: called on the inference thread. Reads and verifies the bundle, compiles its graph,
  // and explains one empty clip: an engine that cannot run fails here, and the first latency figure
  // is a measured one. Throws Error.
  Session(const Settings& settings, const Listener& listener);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Explainer& explainer() { return explainer_; }
  LiveWindows& windows() { return *windows_; }
  const Bundle& bundle() const { return explainer_.bundle(); }

 private:
  Explanation explain(const TensorView& clip, const Window& window);

  Explainer explainer_;
  RelevanceSignal signal_;                // belongs to the inference thread
  std::unique_ptr<LiveWindows> windows_;  // uses explainer_: declared later, gone earlier
};

}  // namespace tubecam
