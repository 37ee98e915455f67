// Which method a window can afford: cheaper ones while the engine does not keep up.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/bundle.h"

namespace tubecam {

// What may take a method's place, dearest first: `method` itself, then of "gradcam" and "cam" those
// that the bundle has in a graph that costs less: several passes > a pass back to the input > one
// back to a layer > none. Methods of one graph cost the same.
TUBECAM_API std::vector<std::string> fallback_methods(const Bundle& bundle,
                                                      const std::string& method);

// Note [Hysteresis]
// One step down when the median of the last kWindows windows exceeds the budget. One step up after
// kQuietWindows in a row that took at most half the budget: whether the dearer method fits can only
// be tried. A try that fails before kQuietWindows have passed doubles the number that the next one
// needs, up to kMaxQuietWindows; one that lasts resets it. So a method that never fits is tried
// ever more rarely, and nothing flaps. Each change starts a count of its own.
//
// Pure logic, without a clock: for one thread.
class TUBECAM_API MethodBudget {
 public:
  static constexpr int kWindows = 5, kQuietWindows = 20, kMaxQuietWindows = 640;

  MethodBudget() = default;  // no budget: the method asked for
  // budget_ms: of a window's engine and explanation; 0: none. methods: see fallback_methods.
  // Throws kUsage for a budget that is negative or no number.
  MethodBudget(double budget_ms, std::vector<std::string> methods);

  // For the next window. Constant between two calls of record().
  const std::string& method() const { return methods_[step_]; }
  // The method asked for where another one takes its place, or an empty string.
  std::string downgraded_from() const { return step_ > 0 ? methods_[0] : ""; }
  void record(double ms);  // what the window by method() took

 private:
  void move_to(size_t step);

  double budget_ms_ = 0;
  std::vector<std::string> methods_ = {""};
  size_t step_ = 0;
  std::vector<double> recent_;  // ms, at most kWindows, the newest last
  int quiet_windows_ = 0;       // windows in a row within half the budget
  int quiet_windows_needed_ = kQuietWindows;
  int since_rise_ = -1;  // windows since a step up that is still on trial, or −1
};

}  // namespace tubecam
