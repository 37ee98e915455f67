// The pixels of an EGL image as device memory: how CUDA sees the surfaces of a Jetson's cameras and
// decoders. Part of libtubecam_cuda.so where that was built with TUBECAM_NVMM; found there by name.
#pragma once

#include "clip/frame/frame.h"

namespace tubecam {

// Function "tubecam_map_egl_image". image: an EGLImageKHR of pitch-linear planes, to be read or
// also written. Fills the planes and strides of `frame`, whose format and device are set. Returns
// what "tubecam_unmap_egl_image" takes. Throws kUsage for block-linear images and for another
// number of planes than the format's, kDevice when CUDA refuses.
using MapEglImage = void*(void* image, bool write, Frame* frame);

// Waits for nothing: the pixels must have been used.
using UnmapEglImage = void(void* resource);

}  // namespace tubecam
