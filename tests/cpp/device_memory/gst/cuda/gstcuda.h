// GStreamer's CUDA library for tests without it: what TubeCAM uses of it, by its names alone.
// Memory has a device side and a staging side, which are only alike after a transfer, and work that
// is still to be done on a stream until it is synchronised.
#pragma once

#include <gst/video/video.h>

#define GST_MAP_CUDA (GST_MAP_FLAG_LAST << 1)
#define GST_CUDA_CONTEXT_TYPE "gst.cuda.context"

using CUcontext = void*;
enum CUresult { CUDA_SUCCESS = 0 };
CUresult CuCtxPopCurrent(CUcontext* context);
CUresult CuCtxPushCurrent(CUcontext context);

G_BEGIN_DECLS

#define GST_TYPE_CUDA_CONTEXT (gst_cuda_context_get_type())
G_DECLARE_FINAL_TYPE(GstCudaContext, gst_cuda_context, GST, CUDA_CONTEXT, GstObject)

struct GstCudaMemory {
  GstMemory mem;
  GstCudaContext* context;
  GstVideoInfo info;
  guint8 *device, *staging;
  const guint8* pending;  // what the stream will have written to `device`
  int maps;               // of the staging side: the planes of a picture share one transfer
};
#define GST_CUDA_MEMORY_CAST(memory) (reinterpret_cast<GstCudaMemory*>(memory))

gboolean gst_cuda_load_library(void);
void gst_cuda_memory_init_once(void);
gboolean gst_is_cuda_memory(GstMemory* memory);
void gst_cuda_memory_sync(GstCudaMemory* memory);
GstCudaContext* gst_cuda_context_new_wrapped(CUcontext handle, int device);
gpointer gst_cuda_context_get_handle(GstCudaContext* context);
GstContext* gst_context_new_cuda_context(GstCudaContext* context);
gboolean gst_cuda_handle_context_query(GstElement* element, GstQuery* query,
                                       GstCudaContext* context);

// For the tests: memory of `context` as large as `info` says. Written by a stream that has not come
// so far: `pixels` are there after gst_cuda_memory_sync().
GstMemory* fake_cuda_memory(GstCudaContext* context, const GstVideoInfo* info,
                            const guint8* pixels);
// How often memory was brought from the device to the host, and back.
int fake_cuda_downloads(void);
int fake_cuda_uploads(void);

G_END_DECLS
