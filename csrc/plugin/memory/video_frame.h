// GStreamer's words for a picture as ours; what all kinds of memory share.
#pragma once

#include <gst/video/video.h>

#include "clip/frame/frame.h"

namespace tubecam {

PixelFormat pixel_format(GstVideoFormat format);  // one of video_caps()

// The caps' colorimetry; BT.2020 and SMPTE 240M are read as BT.709.
void set_colorimetry(const GstVideoInfo& info, Frame* frame);

// A mapped picture: strides, offsets and size from the buffer's GstVideoMeta, else from the caps,
// and of it what a GstVideoCropMeta leaves. Throws kUsage for one that reaches beyond it.
Frame frame_of(GstVideoFrame& map, const GstVideoInfo& info);

}  // namespace tubecam
