// A few threads that work on one thing together, and sleep between.
#pragma once

#include <functional>
#include <memory>

#include "base/export.h"

namespace tubecam {

class TUBECAM_API ThreadTeam {
 public:
  // size: threads that work, the caller among them; 1 makes no thread. Where the system gives
  // fewer, the team is smaller.
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // What each member knows while it works.
  class Member {
   public:
    Member(ThreadTeam* team, int index, int size) : index(index), size(size), team_(team) {}
    // Waits until every member is here. Leaves the work by an exception when another member's
    // threw.
    void meet() const {
      if (size > 1) team_->meet();
    }
    const int index;
    const int size;  // of the team that works, 1 when the others are busy elsewhere

   private:
    ThreadTeam* team_;
  };
  using Work = std::function<void(const Member&)>;

  // Calls `work` once a member, at the same time, and returns when all are done; throws what the
  // first of them threw. While another thread's work holds the team, and in a child of fork(),
  // where the other threads do not exist, the caller works alone.
  void run(const Work& work);

  int size() const { return size_; }

 private:
  struct Threads;
  void take_part(const Work& work, int index);
  void serve(int index);
  void meet();

  int size_ = 1;
  const int process_;  // that has the threads
  std::unique_ptr<Threads> threads_;
};

}  // namespace tubecam
