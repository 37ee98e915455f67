// Shows tubeoverlay that tubecam has seen a frame, also when its explanation was left behind.
#pragma once

#include <gst/gst.h>

namespace tubecam {

enum class FrameStamp {
  kNone,         // no tubecam has seen the frame, or another was made from it
  kUnexplained,  // there was no explanation for it
  kExplained,    // an explanation was attached
};

constexpr char kStampName[] = "tubecam-frame";

// Registers the custom meta, which has one boolean field, "explained". It has no tags: every
// element that copies metas keeps it, whatever it does to the picture.
void register_frame_stamp();

void stamp_frame(GstBuffer* buffer, bool explained);  // writable; in place of an older stamp
FrameStamp stamp_of(GstBuffer* buffer);

}  // namespace tubecam
