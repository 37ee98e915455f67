#include "engine/team.h"

namespace tubecam {
namespace {

// Members meet every few hundred microseconds, sooner than a thread wakes; but on a machine
// with fewer free cores than members, the one that is waited for needs the core.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team::Team(int size) : size_(size) {
  for (int i = 1; i < size_; ++i) threads_.emplace_back([this, i] { serve(i); });
}

Team::~Team() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run(const Work& work) {
  std::unique_lock<std::mutex> busy(busy_, std::try_to_lock);
  if (size_ == 1 || !busy) return work(Member(this, 0, 1));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work_ = &work;
    ++round_;
  }
  wake_.notify_all();
  work(Member(this, 0, size_));
  meet();  // all are done with `work`
}

void Team::serve(int index) {
  uint64_t seen = 0;
  while (true) {
    const Work* work = nullptr;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
      work = work_;
    }
    (*work)(Member(this, index, size_));
    meet();
  }
}

void Team::meet() {
  const uint64_t meeting = meetings_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    meetings_.store(meeting + 1, std::memory_order_release);
    return;
  }
  for (int spin = 0; meetings_.load(std::memory_order_acquire) == meeting; ++spin) {
    if (spin < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace tubecam
