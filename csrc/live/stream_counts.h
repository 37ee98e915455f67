// What a stream has counted: the property "stats", and what messages state.
#pragma once

#include <cstdint>
#include <mutex>

#include "clip/timestamps.h"

namespace tubecam {

struct StreamCounts {
  uint64_t windows = 0;    // complete ones, dropped ones among them
  uint64_t dropped = 0;    // windows that inference had no time for
  uint64_t sparse = 0;     // windows in which frames repeat, since the source has too few
  uint64_t resets = 0;     // times that the window started over in mid-stream
  TimestampFaults stamps;  // frames whose timestamps were faulty
  uint64_t backwards = 0;  // frames that passed unexplained, since playback ran backwards
  uint64_t early = 0;      // frames that went before their explanation, since no more may be held
};

// Written by the streaming thread, read by any.
class StreamCounter {
 public:
  template <typename Change>
  void operator()(Change change) {
    std::lock_guard<std::mutex> lock(mutex_);
    change(counts_);
  }
  StreamCounts get() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  StreamCounts counts_;
};

}  // namespace tubecam
