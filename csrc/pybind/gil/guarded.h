// An object for callers with threads.
#pragma once

#include <mutex>
#include <utility>

#include "pybind/gil/released.h"

namespace tubecam {

// One call at a time. The GIL does not see to that: work is done without it, and NumPy lets go of
// it while it copies. So what the object gives is copied inside with(), without NumPy.
template <typename Object>
class Guarded {
 public:
  template <typename... Arguments>
  explicit Guarded(Arguments&&... arguments) : object_{std::forward<Arguments>(arguments)...} {}

  template <typename Function>
  auto with(const Function& function) {
    const Released released;
    const std::lock_guard<std::mutex> lock(mutex_);
    return function(object_);
  }

 private:
  Object object_;
  std::mutex mutex_;
};

}  // namespace tubecam
