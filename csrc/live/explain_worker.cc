#include "live/explain_worker.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr size_t kOutcomes = 16;  // more than are finished from frame to frame

int64_t now() {
  using std::chrono::steady_clock;
  return std::chrono::nanoseconds(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ExplainWorker::ExplainWorker(Explain explain, Listener listener)
    : explain_(std::move(explain)), listener_(std::move(listener)) {
  waiting_.reserve(std::size(slots_));  // so that nothing is allocated where nothing may fail
  finished_.reserve(kOutcomes);
  thread_ = std::thread([this] { run(); });
}

ExplainWorker::~ExplainWorker() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = cancelled_ = true;
    ++generation_;
  }
  changed_.notify_all();
  thread_.join();
}

ExplainWorker::Slot* ExplainWorker::free_slot() {
  for (Slot& slot : slots_) {
    if (!slot.taken) return &slot;
  }
  return nullptr;
}

ExplainWorker::Submitted ExplainWorker::submit(Job job, const Fill& fill, WhenFull when_full) {
  Slot* slot = nullptr;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (when_full == WhenFull::kWait) {
      changed_.wait(lock, [this] { return cancelled_ || free_slot(); });
    }
    if (cancelled_) return Submitted::kCancelled;
    slot = free_slot();
    if (!slot) return Submitted::kDropped;
    slot->taken = true;
  }
  try {
    fill(slot->clip);  // without the lock: only this thread knows the slot
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    slot->taken = false;
    throw;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (cancelled_) {
      slot->taken = false;
      return Submitted::kCancelled;
    }
    slot->job = std::move(job);
    slot->submitted = now();
    waiting_.push_back(slot);
  }
  changed_.notify_all();
  return Submitted::kTaken;
}

std::vector<Outcome> ExplainWorker::take() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Outcome> taken(std::make_move_iterator(finished_.begin()),
                             std::make_move_iterator(finished_.end()));
  finished_.clear();
  return taken;
}

void ExplainWorker::wait_idle() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || (waiting_.empty() && !running_); });
}

void ExplainWorker::cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
    ++generation_;
    for (Slot* slot : waiting_) slot->taken = false;
    waiting_.clear();
    finished_.clear();
  }
  changed_.notify_all();
}

void ExplainWorker::resume() {
  std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = false;
}

Outcome ExplainWorker::explain(Slot& slot) const {
  Outcome outcome;
  outcome.job = std::move(slot.job);
  try {
    auto explanation = std::make_shared<Explanation>(explain_(slot.clip.view, outcome.job.window));
    explanation->timings.preprocess += outcome.job.preprocess_ms;
    outcome.explanation = std::move(explanation);
  } catch (...) {
    outcome.error = current_message();
  }
  outcome.turnaround = 1e-9 * static_cast<double>(now() - slot.submitted);
  return outcome;
}

void ExplainWorker::notify(const Outcome& outcome) const {
  try {
    listener_(outcome);
  } catch (...) {  // there is no one else to report to
  }
}

void ExplainWorker::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Slot* slot = waiting_.front();
    waiting_.erase(waiting_.begin());
    running_ = true;
    const uint64_t generation = generation_;
    lock.unlock();
    Outcome outcome = explain(*slot);
    lock.lock();
    const bool wanted = generation == generation_;
    lock.unlock();
    if (wanted) notify(outcome);
    lock.lock();
    if (generation == generation_) finished_.push_back(std::move(outcome));
    slot->taken = running_ = false;
    changed_.notify_all();
  }
}

}  // namespace tubecam
