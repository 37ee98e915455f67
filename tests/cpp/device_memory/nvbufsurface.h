// NvBufSurface for tests without NVIDIA's library: what TubeCAM uses of it, by its names alone.
#pragma once

#include <cstdint>

enum NvBufSurfaceColorFormat {
  NVBUF_COLOR_FORMAT_INVALID,
  NVBUF_COLOR_FORMAT_YUV420,
  NVBUF_COLOR_FORMAT_YUV420_ER,
  NVBUF_COLOR_FORMAT_YUV420_709,
  NVBUF_COLOR_FORMAT_YUV420_709_ER,
  NVBUF_COLOR_FORMAT_YUV420_2020,
  NVBUF_COLOR_FORMAT_NV12,
  NVBUF_COLOR_FORMAT_NV12_ER,
  NVBUF_COLOR_FORMAT_NV12_709,
  NVBUF_COLOR_FORMAT_NV12_709_ER,
  NVBUF_COLOR_FORMAT_NV12_2020,
  NVBUF_COLOR_FORMAT_NV12_10LE,
  NVBUF_COLOR_FORMAT_RGBA,
  NVBUF_COLOR_FORMAT_BGRA,
  NVBUF_COLOR_FORMAT_RGBx,
  NVBUF_COLOR_FORMAT_BGRx,
  NVBUF_COLOR_FORMAT_RGB,
  NVBUF_COLOR_FORMAT_BGR,
};

enum NvBufSurfaceLayout { NVBUF_LAYOUT_PITCH, NVBUF_LAYOUT_BLOCK_LINEAR };

enum NvBufSurfaceMemType {
  NVBUF_MEM_DEFAULT,
  NVBUF_MEM_CUDA_PINNED,
  NVBUF_MEM_CUDA_DEVICE,
  NVBUF_MEM_CUDA_UNIFIED,
  NVBUF_MEM_SURFACE_ARRAY,
  NVBUF_MEM_HANDLE,
  NVBUF_MEM_SYSTEM,
};

struct NvBufSurfacePlaneParams {
  uint32_t num_planes;
  uint32_t pitch[4], offset[4];
};

struct NvBufSurfaceMappedAddr {
  void *eglImage, *cudaPtr;
};

struct NvBufSurfaceCudaBuffer {
  void* dataPtr;
};

struct NvBufSurfaceParams {
  uint32_t width, height;
  NvBufSurfaceColorFormat colorFormat;
  NvBufSurfaceLayout layout;
  uint32_t dataSize;
  void* dataPtr;
  NvBufSurfacePlaneParams planeParams;
  NvBufSurfaceMappedAddr mappedAddr;
};

struct NvBufSurface {
  uint32_t gpuId, batchSize, numFilled;
  NvBufSurfaceMemType memType;
  NvBufSurfaceParams* surfaceList;
};

enum NvBufSurfaceDriverType {
  NVBUF_DRIVER_TYPE_UNKNOWN,
  NVBUF_DRIVER_TYPE_NVGPU,
  NVBUF_DRIVER_TYPE_RM
};
struct NvBufSurfaceDeviceInfo {
  NvBufSurfaceDriverType driverType;
};
enum NvBufSurfaceGPUL2SyncCacheOps { NVBUF_GPU_L2_CACHE_FLUSH_INVALIDATE = 3 };
struct NvBufSurfaceGPUL2SyncParams {
  NvBufSurfaceGPUL2SyncCacheOps type;
};

extern "C" {
int NvBufSurfaceMapEglImage(NvBufSurface* surface, int index);
int NvBufSurfaceUnMapEglImage(NvBufSurface* surface, int index);
int NvBufSurfaceMapCudaBuffer(NvBufSurface* surface, int index);
int NvBufSurfaceUnMapCudaBuffer(NvBufSurface* surface, int index);
int NvBufSurfaceGetDeviceInfo(NvBufSurfaceDeviceInfo* info);
int NvBufSurfaceSyncGpuL2CacheForDevice(NvBufSurface* surface, int index,
                                        NvBufSurfaceGPUL2SyncParams* parameters);
}
