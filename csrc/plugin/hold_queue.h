// Frames, and the events between them, that wait for an explanation, in order.
#pragma once

#include <gst/gst.h>

#include <deque>

#include "plugin/aligner.h"

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

  // Whether more is held than windows can account for: over 512 MiB, 4096 items or `longest` ns.
  bool overfull(int64_t longest) const;

 private:
  std::deque<HeldItem> items_;
  size_t bytes_ = 0;
  int64_t newest_ = 0;
};

}  // namespace tubecam
