// Times that windows can follow, of frames whose timestamps are missing, repeat, jitter or jump.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/export.h"

namespace tubecam {

// What was wrong with the timestamps so far, in frames.
struct TimestampFaults {
  uint64_t missing = 0;   // none, or outside 0…2^62 ns
  uint64_t repeated = 0;  // that of the frame before
  uint64_t late = 0;      // before that of the frame before, but not far
  uint64_t jumps = 0;     // far from where the frame belongs

  uint64_t total() const { return missing + repeated + late + jumps; }
};

// A sentence with the counts; empty where nothing was wrong.
TUBECAM_API std::string describe(const TimestampFaults& faults);

// Note [Repair]
// The order in which frames come is taken to be right. While timestamps grow they are believed,
// whatever their steps: a variable rate is no fault. A frame whose timestamp is missing or repeats
// follows the one before by the interval between frames: the one that is stated, and then what the
// timestamps show. A timestamp that steps back means that timestamps jitter: from there on until 64
// frames after the last such step, times follow an alpha–beta filter, a line through the timestamps
// whose slope changes slowly, so that frames are spaced as evenly as they were taken.
// One that lies farther than `jump` before or behind the last frame's time, or more than eight
// intervals before it, is a new place in the stream, and believed: ClipWindow then starts over.
class TUBECAM_API TimestampRepair {
 public:
  // interval: ns from frame to frame, as far as it is stated; 0 = unknown. jump: ns, as of
  // ClipWindow's gap_limit().
  explicit TimestampRepair(int64_t interval = 0, int64_t jump = 1'000'000'000);

  // The next frame's time, ns, never before the one that was given last but after a jump; missing
  // where neither this frame's time is known nor how frames follow each other.
  std::optional<int64_t> next(std::optional<int64_t> pts);

  void set_interval(int64_t interval);
  // A seek or a new segment. Frames without a timestamp count from `origin`. Faults stay counted.
  void restart(int64_t origin = 0);
  const TimestampFaults& faults() const { return faults_; }

 private:
  bool jumps(int64_t pts) const;
  std::optional<int64_t> advance();
  int64_t believe(int64_t pts);
  int64_t smooth(int64_t pts);

  TimestampFaults faults_;
  const int64_t jump_;   // ns
  double interval_ = 0;  // ns, 0 = unknown
  int known_ = 0;        // frames that it was found from, up to what the filter remembers
  int64_t origin_ = 0;
  std::optional<int64_t> time_;    // of the newest frame, repaired
  std::optional<int64_t> stated_;  // the newest timestamp, and
  int since_ = 0;                  // frames since it changed
  int smoothing_ = 0;              // frames for which times follow the filter
};

}  // namespace tubecam
