// What is wrong with a stream, reported while it goes on and at its end, with its count.
#pragma once

#include <gst/gst.h>

#include <string>

#include "bundle/clip_spec.h"
#include "live/stream_counts.h"
#include "plugin/messages/messages.h"

namespace tubecam {

// The property "stats": a structure "tubecam-stats" of unsigned 64-bit numbers. The caller owns it.
GstStructure* stats_of(const StreamCounts& counts);

// Posts a warning a second after something was counted for the first time, then at most every five
// seconds while it is counted again, and at the end with the last count. The message's details are
// stats_of().
class StreamReport {
 public:
  StreamReport(GstElement* element, const ClipSpec& spec) : element_(element), spec_(spec) {}

  // early: why frames went before their explanation.
  void update(const StreamCounts& counts, const std::string& early, bool end);

 private:
  struct Concern {
    uint64_t reported = 0;
    gint64 due = 0;  // µs, monotonic; 0: nothing was counted yet
  };
  template <typename Text>
  void update(Concern* concern, uint64_t count, const StreamCounts& counts, bool end, Text text);

  GstElement* const element_;
  const ClipSpec spec_;
  Concern stamps_, sparse_, backwards_, early_;
};

}  // namespace tubecam
