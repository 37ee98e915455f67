// Threads at work, for which a fork waits.
#pragma once

#include "base/export.h"

namespace tubecam {

// Note [Fork]
// A child of fork() has one thread; a lock that another one held stays locked there for ever, and
// what it was computing is half done. So a thread that forks waits until no other is at work in
// here, and one that comes meanwhile waits for the fork. Work that takes longer than ten seconds is
// not waited for: the child then gets an error that names another way to start. An engine's own
// threads are waited for, too, until they sleep. What a child can do with the engines that it
// inherits, Note [Forked engines] says.
// Only processes that ask for it wait (watch_forks): Python's do. A program in C that forks to run
// another one would wait for nothing.

// Everything that may last or takes a lock runs inside one of these; work within work is the same
// work. Throws kUsage in a child that was forked away from under somebody's work.
class TUBECAM_API AtWork {
 public:
  AtWork();
  ~AtWork();
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
};

// From now on forks wait. May be called again.
TUBECAM_API void watch_forks();

}  // namespace tubecam
