// Which explanation belongs to which frame.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "explain/explainer.h"

namespace tubecam {

// Where a frame lies: its time, in one unbroken segment of the stream (a seek, a gap or lost data
// begins another, so they are no GstSegments). Windows never span two segments.
struct FramePlace {
  uint64_t segment = 0;
  int64_t pts = 0;  // ns
};

// Note [Overlapping windows]
// A frame lies in several windows. It gets the one in whose middle it lies best, since there the
// model saw what came before and what came after; ties go to the earlier window. Frames of a
// segment's first half window belong to its first window, and those after its last window, fewer
// than a hop, to its last. A dropped window leaves its frames to its neighbours, unless these lie
// more than half a window away; one that could not be explained leaves them without an explanation,
// as does a segment that is shorter than a window.
class Aligner {
 public:
  using ExplanationPtr = std::shared_ptr<const Explanation>;

  // A window of `segment` from `first` to `last` (ns) is complete; exactly one of the other three
  // follows.
  void add(uint64_t id, uint64_t segment, int64_t first, int64_t last);
  void explained(uint64_t id, ExplanationPtr explanation);
  void dropped(uint64_t id);
  void failed(uint64_t id);

  // The explanation of the segment's newest window that has one, while it is no older than
  // `max_age` (ns), or null.
  ExplanationPtr latest(const FramePlace& place, int64_t max_age) const;

  // Whether no window that is still to come, or to be explained, could suit the frame better.
  // closed: no more will come.
  bool settled(const FramePlace& place, bool closed) const;
  ExplanationPtr central(
      const FramePlace& place) const;  // of the window that suits it best, or null

  void forget_before(
      const FramePlace& place);  // windows that neither this frame nor a later one can want
  void clear() { windows_.clear(); }
  size_t size() const { return windows_.size(); }

 private:
  enum class State { kPending, kExplained, kDropped, kFailed };
  struct Entry {
    uint64_t id, segment;
    int64_t first, last;
    State state;
    ExplanationPtr explanation;

    bool over() const { return state == State::kExplained || state == State::kFailed; }
    int64_t middle() const { return first + (last - first) / 2; }
    int64_t distance(int64_t pts) const;  // from its middle
  };
  Entry* find(uint64_t id);
  const Entry* best(const FramePlace& place) const;

  std::deque<Entry> windows_;  // by time
};

}  // namespace tubecam
