// The inference thread: complete windows go in, explanations come out, in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "explain/explainer.h"

namespace tubecam {

// A window on its way: what it is called, where it lies, and what its owner wants to find again.
struct Job {
  uint64_t id = 0;
  Window window;
  double preprocess_ms = 0;
  std::shared_ptr<const void> context;
};

struct Outcome {
  Job job;
  std::shared_ptr<const Explanation> explanation;  // null when explaining threw
  std::string error;                               // why, then
  double turnaround = 0;                           // seconds from submit() to here
};

// Note [Slots]
// A window's clip is copied into one of two slots: one that is being explained and one that waits.
// They lie where the clips do; on a GPU a slot is overwritten only when its explanation is there,
// and so nothing reads it any more.
// So memory is bounded, the streaming thread never waits for inference unless it asks to, and a
// window is at most one inference old when its own begins.
class ExplainWorker {
 public:
  enum class WhenFull { kDrop, kWait };
  enum class Submitted { kTaken, kDropped, kCancelled };
  using Explain = std::function<Explanation(const TensorView& clip, const Window& window)>;
  // Called on the inference thread. What it throws is lost, and the stream goes on.
  using Listener = std::function<void(const Outcome&)>;
  // Makes a slot's clip where it has none, or one elsewhere, and writes it.
  using Fill = std::function<void(ClipBuffer& clip)>;

  ExplainWorker(Explain explain, Listener listener);
  ~ExplainWorker();  // forgets what waits, waits for what runs
  ExplainWorker(const ExplainWorker&) = delete;
  ExplainWorker& operator=(const ExplainWorker&) = delete;

  // Copies the clip by `fill` and returns at once, or waits for a free slot first. Throws what
  // `fill` throws; the slot is then free again.
  Submitted submit(Job job, const Fill& fill, WhenFull when_full);
  std::vector<Outcome> take();  // what is finished since the last call
  void wait_idle();             // until nothing waits or runs, or cancel()
  void cancel();  // forgets everything on its way and wakes all waiting threads, until resume()
  void resume();

 private:
  struct Slot {
    Job job;
    ClipBuffer clip;
    int64_t submitted = 0;  // ns, steady clock
    bool taken = false;
  };

  void run();
  Outcome explain(Slot& slot) const;
  void notify(const Outcome& outcome) const;
  Slot* free_slot();

  const Explain explain_;
  const Listener listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Slot slots_[2];
  std::vector<Slot*> waiting_;  // the next one first
  std::vector<Outcome> finished_;
  uint64_t generation_ = 0;  // counts cancel(): what began before is not wanted any more
  bool running_ = false, cancelled_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace tubecam
