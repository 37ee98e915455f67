// CUDA's view of EGL images for tests without a GPU: beside emulated_cuda.
#pragma once

#include "cuda_runtime.h"

using EGLImageKHR = void*;
struct cudaGraphicsResource;
struct cudaPitchedPtr {
  void* ptr;
  size_t pitch;
};
enum cudaEglFrameType { cudaEglFrameTypeArray, cudaEglFrameTypePitch };
struct cudaEglFrame {
  struct {
    cudaPitchedPtr pPitch[3];
  } frame;
  unsigned planeCount;
  cudaEglFrameType frameType;
};
enum { cudaGraphicsRegisterFlagsNone = 0, cudaGraphicsRegisterFlagsReadOnly = 1 };

cudaError_t cudaGraphicsEGLRegisterImage(cudaGraphicsResource** resource, EGLImageKHR image,
                                         unsigned flags);
cudaError_t cudaGraphicsUnregisterResource(cudaGraphicsResource* resource);
cudaError_t cudaGraphicsResourceGetMappedEglFrame(cudaEglFrame* frame,
                                                  cudaGraphicsResource* resource, unsigned index,
                                                  unsigned level);
