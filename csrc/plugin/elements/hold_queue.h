// Frames, and the events between them, that wait for an explanation, in order.
#pragma once

#include <gst/gst.h>

#include <deque>

#include "live/aligner.h"

namespace tubecam {

struct HeldItem {
  GstMiniObject* object = nullptr;  // a buffer or an event
  bool placed = false;              // a buffer that has a place in a stream
  FramePlace place;

  bool is_buffer() const { return GST_IS_BUFFER(object); }
};

// Note [Pools]
// A decoder or a camera whose pool is small would starve while its buffers wait here. A buffer of
// such a pool is held as a copy, and goes back at once; only those of plain pools that grow without
// limit are held as they are.
class HoldQueue {
 public:
  HoldQueue() = default;
  ~HoldQueue() { clear(); }
  HoldQueue(const HoldQueue&) = delete;
  HoldQueue& operator=(const HoldQueue&) = delete;

  // Both take ownership.
  void push_frame(GstBuffer* buffer, bool placed, const FramePlace& place, bool may_wait);
  void push_event(GstEvent* event);

  bool empty() const { return items_.empty(); }
  const HeldItem& front() const { return items_.front(); }
  HeldItem pop();  // gives ownership
  void clear();

  // Which limit is exceeded: of bytes (0: none), of 4096 items, or of time within one segment (ns).
  enum class Limit { kNone, kBytes, kItems, kTime };
  Limit exceeded(uint64_t most_bytes, int64_t longest) const;
  size_t size() const { return items_.size(); }
  const FramePlace& newest() const { return newest_; }  // of the frames that came

 private:
  std::deque<HeldItem> items_;
  size_t bytes_ = 0;
  FramePlace newest_;
};

}  // namespace tubecam
