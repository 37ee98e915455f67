#include "base/at_work.h"

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr std::chrono::seconds kPatience(10);

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int at_work = 0;
  bool forking = false;
  bool cut_off = false;  // this process was forked away from under somebody's work
};

// Never destroyed: threads may outlive main(). A child gets a new one, as others may have waited at
// this.
Gate*& gate() {
  static Gate* gate = new Gate;
  return gate;
}

thread_local int depth = 0;  // work within work, by a callback

void before_fork() {
  Gate& here = *gate();
  std::unique_lock<std::mutex> lock(here.mutex);
  here.forking = true;
  here.changed.wait_for(lock, kPatience, [&] { return here.at_work == (depth > 0); });
  lock.release();  // held until the fork is over
}

void after_fork_in_parent() {
  gate()->forking = false;
  gate()->mutex.unlock();
  gate()->changed.notify_all();
}

void after_fork_in_child() {
  const bool cut_off = gate()->cut_off || gate()->at_work != (depth > 0);
  gate() = new Gate;
  gate()->cut_off = cut_off;
  gate()->at_work = depth > 0;
}

}  // namespace

AtWork::AtWork() {
  if (depth++ > 0) return;
  Gate& here = *gate();
  std::unique_lock<std::mutex> lock(here.mutex);
  if (here.cut_off) --depth;  // nobody will leave
  check(!here.cut_off, ErrorCode::kUsage,
        "this process was forked while another thread was explaining; start such processes with "
        "multiprocessing's \"spawn\" or \"forkserver\"");
  here.changed.wait(lock, [&] { return !here.forking; });
  ++here.at_work;
}

AtWork::~AtWork() {
  if (--depth > 0) return;
  Gate& here = *gate();
  const std::lock_guard<std::mutex> lock(here.mutex);
  --here.at_work;
  if (here.forking) here.changed.notify_all();
}

void watch_forks() {
  static const int registered =
      ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  check(registered == 0, ErrorCode::kUnavailable, "the system cannot tell of forks");
}

}  // namespace tubecam
