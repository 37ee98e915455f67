#include "engine/winograd/thread_team.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

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

template <typename Condition>
void spin_until(const Condition& reached) {
  for (int spin = 0; !reached(); ++spin) {
    if (spin < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

// Takes a member out of its work when another one's has failed.
struct Abandoned {};

}  // namespace

struct ThreadTeam::Threads {
  std::mutex busy;  // held by the caller whose work is done
  std::mutex mutex;
  std::condition_variable wake;
  const Work* work = nullptr;
  uint64_t round = 0;
  bool stop = false;
  std::exception_ptr error;  // of this round's first member that failed
  std::atomic<bool> failed{false};
  std::atomic<int> arrived{0}, done{0};
  std::atomic<uint64_t> meetings{0};
  std::vector<std::thread> threads;
};

ThreadTeam::ThreadTeam(int size) : process_(::getpid()), threads_(std::make_unique<Threads>()) {
  threads_->threads.reserve(size_t(size));
  try {
    for (int i = 1; i < size; ++i) threads_->threads.emplace_back([this, i] { serve(i); });
  } catch (const std::exception&) {  // the system has no more of them
  }
  size_ = int(threads_->threads.size()) + 1;  // read by the threads once a round begins
}

// In a child of fork() no thread is left to leave the condition variable, and its destructor would
// wait for that.
ThreadTeam::~ThreadTeam() {
  if (::getpid() != process_) {
    threads_.release();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(threads_->mutex);
    threads_->stop = true;
  }
  threads_->wake.notify_all();
  for (std::thread& thread : threads_->threads) thread.join();
}

void ThreadTeam::run(const Work& work) {
  if (size_ == 1 || ::getpid() != process_) return work(Member(this, 0, 1));
  Threads& shared = *threads_;
  std::unique_lock<std::mutex> busy(shared.busy, std::try_to_lock);
  if (!busy) return work(Member(this, 0, 1));
  {
    std::lock_guard<std::mutex> lock(shared.mutex);
    shared.work = &work;
    shared.arrived = shared.done = 0;
    shared.failed = false;
    ++shared.round;
  }
  shared.wake.notify_all();
  take_part(work, 0);
  spin_until([&] { return shared.done.load(std::memory_order_acquire) == size_; });
  if (shared.error) std::rethrow_exception(std::exchange(shared.error, nullptr));
}

void ThreadTeam::take_part(const Work& work, int index) {
  Threads& shared = *threads_;
  try {
    work(Member(this, index, size_));
  } catch (const Abandoned&) {
  } catch (...) {
    std::lock_guard<std::mutex> lock(shared.mutex);
    if (!shared.error) shared.error = std::current_exception();
    shared.failed = true;
  }
  shared.done.fetch_add(1, std::memory_order_acq_rel);
}

void ThreadTeam::serve(int index) {
  Threads& shared = *threads_;
  uint64_t seen = 0;
  while (true) {
    const Work* work = nullptr;
    {
      std::unique_lock<std::mutex> lock(shared.mutex);
      shared.wake.wait(lock, [&] { return shared.stop || shared.round != seen; });
      if (shared.stop) return;
      seen = shared.round;
      work = shared.work;
    }
    take_part(*work, index);
  }
}

void ThreadTeam::meet() {
  Threads& shared = *threads_;
  const uint64_t meeting = shared.meetings.load(std::memory_order_acquire);
  if (shared.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    shared.arrived.store(0, std::memory_order_relaxed);
    shared.meetings.store(meeting + 1, std::memory_order_release);
    return;
  }
  spin_until([&] {
    if (shared.failed.load(std::memory_order_relaxed)) throw Abandoned();
    return shared.meetings.load(std::memory_order_acquire) != meeting;
  });
}

}  // namespace tubecam
