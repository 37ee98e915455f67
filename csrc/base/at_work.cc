#include "base/at_work.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"

namespace tubecam {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience(10);
// Threads of an engine look for more work for that long at most, then sleep.
constexpr std::chrono::milliseconds kSettling(50);

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int at_work = 0;
  bool forking = false;
  bool cut_off = false;    // this process was forked away from under somebody's work
  Clock::time_point left;  // when the last work ended
};

// Never destroyed: threads may outlive main(). A child gets a new one, as others may have waited at
// this.
Gate*& gate() {
  static Gate* gate = new Gate;
  return gate;
}

thread_local int depth = 0;  // work within work, by a callback

// Whether the thread with this folder in /proc is on a processor, or waits for one.
bool runs(const std::filesystem::path& task) {
  std::string text;
  std::getline(std::ifstream(task / "stat"), text);
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.compare(name_end, 3, ") R") == 0;
}

bool others_run() {
  std::error_code none;
  const std::string own = std::to_string(::gettid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none)) {
    if (task.path().filename() != own && runs(task.path())) return true;
  }
  return false;
}

// An engine's own threads go on for a moment when their work is done, and hold locks that a child
// would inherit for ever. One that sleeps holds none.
void let_engines_settle(Clock::time_point end) {
  for (int quiet = 0; quiet < 2 && Clock::now() < end; ++quiet) {
    if (!others_run()) continue;
    quiet = -1;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

void before_fork() {
  Gate& here = *gate();
  std::unique_lock<std::mutex> lock(here.mutex);
  here.forking = true;
  here.changed.wait_for(lock, kPatience, [&] { return here.at_work == (depth > 0); });
  let_engines_settle(here.left + kSettling);
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
  if (here.cut_off) --depth;  // none of those inside will leave
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
  here.left = Clock::now();
  if (here.forking) here.changed.notify_all();
}

void watch_forks() {
  static const int registered =
      ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  check(registered == 0, ErrorCode::kUnavailable, "the system does not report forks");
}

}  // namespace tubecam
