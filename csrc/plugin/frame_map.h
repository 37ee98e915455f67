// A GStreamer picture as a Frame: mapped, not copied.
#pragma once

#include <gst/video/video.h>

#include "clip/frame.h"

namespace tubecam {

// What both elements accept, for GST_PAD_TEMPLATE: system memory, any stride (GstVideoMeta),
// interlaced or not.
#define TUBECAM_CAPS                                                               \
  "video/x-raw, format=(string){ NV12, I420, RGB, BGR, RGBx, BGRx, RGBA, BGRA }, " \
  "width=(int)[ 1, 16384 ], height=(int)[ 1, 16384 ], framerate=(fraction)[ 0/1, 2147483647/1 ]"

// Maps a buffer for as long as it lives. Strides, offsets and size come from the buffer's
// GstVideoMeta, else from the caps; the matrix and range from the caps' colorimetry (BT.2020 and
// SMPTE 240M are read as BT.709).
class FrameMap {
 public:
  FrameMap(const GstVideoInfo& info, GstBuffer* buffer, GstMapFlags flags);
  ~FrameMap();
  FrameMap(const FrameMap&) = delete;
  FrameMap& operator=(const FrameMap&) = delete;

  explicit operator bool() const { return mapped_; }  // false: the memory could not be mapped
  const Frame& frame() const { return frame_; }

 private:
  GstVideoFrame map_;
  Frame frame_;
  bool mapped_;
};

}  // namespace tubecam
