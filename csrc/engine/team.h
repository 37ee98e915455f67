// A few threads that work on one thing together, and sleep between.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tubecam {

class Team {
 public:
  // size: threads that work, the caller among them; 1 makes no thread.
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // What each member knows while it works.
  class Member {
   public:
    Member(Team* team, int index, int size) : index(index), size(size), team_(team) {}
    // Waits until every member is here.
    void meet() const {
      if (size > 1) team_->meet();
    }
    const int index;
    const int size;  // of the team that works, 1 when the others are busy elsewhere

   private:
    Team* team_;
  };
  using Work = std::function<void(const Member&)>;

  // Calls `work` once a member, at the same time, and returns when all are done. While another
  // thread's work holds the team, the caller works alone. `work` must not throw.
  void run(const Work& work);

 private:
  void serve(int index);
  void meet();

  const int size_;
  std::mutex busy_;  // held by the caller whose work is done
  std::mutex mutex_;
  std::condition_variable wake_;
  const Work* work_ = nullptr;
  uint64_t round_ = 0;
  bool stop_ = false;
  std::atomic<int> arrived_{0};
  std::atomic<uint64_t> meetings_{0};
  std::vector<std::thread> threads_;
};

}  // namespace tubecam
