// Holds explanations back until the test lets them go on.
#pragma once

#include <condition_variable>
#include <mutex>

#include "explain/explanation.h"

namespace tubecam::testing {

// Every call of pass() waits for a permit.
class Gate {
 public:
  Explanation pass(const Window& window) {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return permits_ > 0; });
    --permits_;
    Explanation explanation;
    explanation.window = window;
    return explanation;
  }
  void open(int permits) {
    std::lock_guard<std::mutex> lock(mutex_);
    permits_ += permits;
    changed_.notify_all();
  }
  void await_entries(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int permits_ = 0, waiting_ = 0;
};

}  // namespace tubecam::testing
