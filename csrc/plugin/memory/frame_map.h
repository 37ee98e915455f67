// A GStreamer picture as a Frame: mapped where it lies, not copied.
#pragma once

#include <gst/video/video.h>

#include <memory>

#include "clip/frame/frame.h"

namespace tubecam {

enum class Access { kRead, kWrite };  // kWrite: what is there may be read, too

// Makes Frames of the buffers of one caps. For one thread.
class FrameMapper {
 public:
  virtual ~FrameMapper() = default;
  // Valid until unmap(), to be called once for each map() that returned. A frame on a GPU has no
  // stream: its pixels are there, and are done with before unmap() (Note [Frames on a device]).
  // Throws Error saying what is wrong with the buffer's memory and what to put before the element.
  virtual Frame map(GstBuffer* buffer, Access access) = 0;
  virtual void unmap() = 0;
  // Empty when many buffers may wait for their explanation (align=delayed), else why not.
  virtual const char* why_not_held() const { return ""; }
};

// The factory: by the memory feature of the caps (video_caps.h). Throws kUnavailable when the
// library of a kind of memory does not load, kUsage for caps that are none of ours.
std::unique_ptr<FrameMapper> make_frame_mapper(const GstCaps* caps);

// Whether frames that lie on `frame` can be explained on `element`, the property "device". On a CPU
// they can: they are preprocessed on their GPU, and the small crops are brought here.
// Throws kUsage for two GPUs, naming the property.
void check_device(Device frame, Device element);

// Maps a buffer for as long as it lives.
class FrameMap {
 public:
  FrameMap(FrameMapper* mapper, GstBuffer* buffer, Access access)
      : mapper_(mapper), frame_(mapper->map(buffer, access)) {}
  ~FrameMap() { mapper_->unmap(); }
  FrameMap(const FrameMap&) = delete;
  FrameMap& operator=(const FrameMap&) = delete;

  const Frame& frame() const { return frame_; }

 private:
  FrameMapper* mapper_;
  Frame frame_;
};

}  // namespace tubecam
