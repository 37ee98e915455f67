// What a buffer of memory:NVMM describes, checked: NVIDIA's NvBufSurface as a Frame.
#pragma once

#include <gst/video/video.h>
#include <nvbufsurface.h>

#include "clip/frame/frame.h"

namespace tubecam {

// Note [NvBufSurface]
// A buffer of memory:NVMM maps to a description: a batch of surfaces, each with its planes' widths,
// pitches and offsets, and one kind of memory:
//   CUDA_DEVICE, CUDA_UNIFIED, CUDA_PINNED   dataPtr is a pointer of the GPU `gpuId`
//   SYSTEM                                   dataPtr is a pointer of the host
//   SURFACE_ARRAY (Jetson)                   dataPtr is nothing: CUDA sees the pixels by way of an
//                                            EGL image (nvgpu driver) or a CUDA buffer (OpenRM)
//   HANDLE, CUDA_ARRAY                       refused
// Block-linear surfaces, which Jetson's decoders and cameras give unless they are set otherwise,
// are refused: kernels would read a scrambled picture.

enum class SurfaceAccess { kPointer, kSurfaceArray };

struct SurfaceFrame {
  Frame frame;  // its planes are set with SurfaceAccess::kPointer
  SurfaceAccess access = SurfaceAccess::kPointer;
};

// surface: the only one of its batch. info: of the caps, whose size and format it must have.
// Throws kUsage: batches, kinds of memory, layouts and formats that are refused, planes outside the
// memory. Says what to put before the element.
SurfaceFrame read_surface(const NvBufSurface& surface, const GstVideoInfo& info);

// Sets the planes from the pitches and offsets that the surface states.
void set_planes(const NvBufSurfaceParams& params, void* base, Frame* frame);

}  // namespace tubecam
