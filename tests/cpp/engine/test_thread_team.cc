// The threads that compute Winograd's convolution: together, alone, and when something fails.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <new>
#include <stdexcept>

#include "engine/winograd/thread_team.h"

namespace tubecam {
namespace {

int members_of(ThreadTeam& team) {
  std::atomic<int> members{0};
  team.run([&](const ThreadTeam::Member& member) {
    ++members;
    member.meet();
  });
  return members;
}

TEST(ThreadTeam, LetsEveryMemberWorkAndMeet) {
  ThreadTeam team(4);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> first{0}, seen{0};
    team.run([&](const ThreadTeam::Member& member) {
      ++first;
      member.meet();
      if (first == member.size) ++seen;  // no thread passes the barrier before all have reached it
    });
    EXPECT_EQ(first, 4);
    EXPECT_EQ(seen, 4);
  }
}

TEST(ThreadTeam, GivesOnWhatAMemberThrowsAndWorksOn) {
  ThreadTeam team(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    for (const int meetings : {0, 1, 2}) {
      const auto work = [&](const ThreadTeam::Member& member) {
        for (int i = 0; i < 3; ++i) {
          if (member.index == thrower && i == meetings) throw std::bad_alloc();
          member.meet();
        }
      };
      EXPECT_THROW(team.run(work), std::bad_alloc) << thrower << " after " << meetings;
      EXPECT_EQ(members_of(team), 3);
    }
  }
}

TEST(ThreadTeam, GivesOnOneExceptionWhenAllThrow) {
  ThreadTeam team(4);
  for (int round = 0; round < 20; ++round) {
    EXPECT_THROW(team.run([](const ThreadTeam::Member&) { throw std::runtime_error("all"); }),
                 std::runtime_error);
  }
  EXPECT_EQ(members_of(team), 4);
}

TEST(ThreadTeam, WorksWithTheThreadsThatTheSystemGives) {
  pthread_attr_t usual, huge;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);  // more than there are addresses
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  auto team = std::make_unique<ThreadTeam>(4);
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  EXPECT_EQ(team->size(), 1);
  EXPECT_EQ(members_of(*team), 1);
}

TEST(ThreadTeam, WorksAloneInAForkedChild) {
  auto team = std::make_unique<ThreadTeam>(3);
  EXPECT_EQ(members_of(*team), 3);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // hanging is what this test is against
    const int members = members_of(*team);
    team.reset();
    _exit(members);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(members_of(*team), 3);
}

}  // namespace
}  // namespace tubecam
