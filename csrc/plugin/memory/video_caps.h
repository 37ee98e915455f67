// What both elements accept, composed in one place, and the words for what they do not.
#pragma once

#include <gst/base/gstbasetransform.h>

#include <string>

#include "plugin/messages/messages.h"

namespace tubecam {

// Whose memory the pixels lie in.
enum class MemoryKind {
  kSystem,  // any stride (GstVideoMeta)
  kNvmm,    // memory:NVMM, NVIDIA's NvBufSurface; built with TUBECAM_NVMM
  kCuda,    // memory:CUDAMemory, GStreamer's own; built with TUBECAM_GST_CUDA
};

// For pad templates: the kinds of memory that were built. System memory comes first, so that
// converters which can give either go on as in builds without the options, and a caps filter asks
// for the GPU's: Jetson's nvvidconv would give surfaces that are block-linear. Interlaced or not.
GstCaps* video_caps();
void add_video_pads(GstElementClass* klass);  // "sink" and "src" of them

// Of fixed caps. Throws kUsage with memory_problem().
MemoryKind memory_kind(const GstCaps* caps);

// Why buffers of these caps could not be read: an option of the build that is missing, or a kind of
// memory that is not known. Empty when they can. It names what to put in front of `element`.
std::string memory_problem(const GstElement* element, const GstCaps* caps);

// Posts memory_problem() before upstream's "not-negotiated", as often as `errors` allows, and
// returns false. For the vfunc accept_caps.
bool accepts_memory_or_error(GstBaseTransform* base, GstPadDirection direction, const GstCaps* caps,
                             RateLimit* errors);

// Warns, as often as `warnings` allows, when upstream asks about caps of unread memory alone. For
// the vfunc query, after the base class.
void warn_of_unread_memory(GstBaseTransform* base, GstPadDirection direction, GstQuery* query,
                           RateLimit* warnings);

}  // namespace tubecam
