#include "gst/cuda/gstcuda.h"

#include <cstring>

struct _GstCudaContext {
  GstObject parent;
  CUcontext handle;
  guint device;
};

G_DEFINE_FINAL_TYPE(GstCudaContext, gst_cuda_context, GST_TYPE_OBJECT)

static void gst_cuda_context_get(GObject* object, guint, GValue* value, GParamSpec*) {
  g_value_set_uint(value, GST_CUDA_CONTEXT(object)->device);
}
static void gst_cuda_context_class_init(GstCudaContextClass* klass) {
  auto* object = G_OBJECT_CLASS(klass);
  object->get_property = gst_cuda_context_get;
  g_object_class_install_property(
      object, 1, g_param_spec_uint("cuda-device-id", "", "", 0, G_MAXUINT, 0, G_PARAM_READABLE));
}
static void gst_cuda_context_init(GstCudaContext*) {}

GstCudaContext* gst_cuda_context_new_wrapped(CUcontext handle, int device) {
  auto* context = GST_CUDA_CONTEXT(g_object_new(GST_TYPE_CUDA_CONTEXT, nullptr));
  context->handle = handle;
  context->device = guint(device);
  return GST_CUDA_CONTEXT(gst_object_ref_sink(context));
}
gpointer gst_cuda_context_get_handle(GstCudaContext* context) { return context->handle; }

// The one context that is current in these tests: CUDA's primary one.
static int primary;
CUresult CuCtxPopCurrent(CUcontext* context) { return *context = &primary, CUDA_SUCCESS; }
CUresult CuCtxPushCurrent(CUcontext) { return CUDA_SUCCESS; }

GstContext* gst_context_new_cuda_context(GstCudaContext* context) {
  GstContext* result = gst_context_new(GST_CUDA_CONTEXT_TYPE, TRUE);
  gst_structure_set(gst_context_writable_structure(result), GST_CUDA_CONTEXT_TYPE,
                    GST_TYPE_CUDA_CONTEXT, context, nullptr);
  return result;
}
gboolean gst_cuda_handle_context_query(GstElement*, GstQuery* query, GstCudaContext* context) {
  const gchar* type;
  gst_query_parse_context_type(query, &type);
  if (std::strcmp(type, GST_CUDA_CONTEXT_TYPE) != 0) return FALSE;
  GstContext* answer = gst_context_new_cuda_context(context);
  gst_query_set_context(query, answer);
  gst_context_unref(answer);
  return TRUE;
}

// ---- memory ----

struct FakeCudaAllocator {
  GstAllocator parent;
};
struct FakeCudaAllocatorClass {
  GstAllocatorClass parent_class;
};
GType fake_cuda_allocator_get_type(void);
G_DEFINE_TYPE(FakeCudaAllocator, fake_cuda_allocator, GST_TYPE_ALLOCATOR)

static int downloads, uploads;

// As a number: to C++, GST_MAP_CUDA lies outside the enumeration that C declares.
static unsigned flags_of(const GstMapInfo* map) {
  unsigned flags = 0;
  std::memcpy(&flags, &map->flags, sizeof flags);
  return flags;
}

static gpointer fake_map(GstMemory* memory, GstMapInfo* map, gsize) {
  GstCudaMemory* cuda = GST_CUDA_MEMORY_CAST(memory);
  if (flags_of(map) & GST_MAP_CUDA) return cuda->device;
  if (cuda->maps++ > 0) return cuda->staging;
  gst_cuda_memory_sync(cuda);  // a download waits
  std::memcpy(cuda->staging, cuda->device, memory->maxsize);
  ++downloads;
  return cuda->staging;
}
static void fake_unmap(GstMemory* memory, GstMapInfo* map) {
  GstCudaMemory* cuda = GST_CUDA_MEMORY_CAST(memory);
  if (flags_of(map) & GST_MAP_CUDA) return;
  if (--cuda->maps > 0 || !(flags_of(map) & GST_MAP_WRITE)) return;
  std::memcpy(cuda->device, cuda->staging, memory->maxsize);
  ++uploads;
}
static GstMemory* fake_copy(GstMemory* memory, gssize, gssize) {
  GstCudaMemory* cuda = GST_CUDA_MEMORY_CAST(memory);
  gst_cuda_memory_sync(cuda);
  return fake_cuda_memory(cuda->context, &cuda->info, cuda->device);
}
static void fake_free(GstAllocator*, GstMemory* memory) {
  GstCudaMemory* cuda = GST_CUDA_MEMORY_CAST(memory);
  gst_object_unref(cuda->context);
  g_free(cuda->device);
  g_free(cuda->staging);
  g_free(const_cast<guint8*>(cuda->pending));
  delete cuda;
}
static void fake_cuda_allocator_class_init(FakeCudaAllocatorClass* klass) {
  GST_ALLOCATOR_CLASS(klass)->free = fake_free;
}
static void fake_cuda_allocator_init(FakeCudaAllocator* self) {
  GstAllocator* allocator = GST_ALLOCATOR(self);
  allocator->mem_type = "gst.cuda.memory";
  allocator->mem_map_full = fake_map;
  allocator->mem_unmap_full = fake_unmap;
  allocator->mem_copy = fake_copy;
  GST_OBJECT_FLAG_SET(allocator, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

GstMemory* fake_cuda_memory(GstCudaContext* context, const GstVideoInfo* info,
                            const guint8* pixels) {
  static GstAllocator* allocator =
      GST_ALLOCATOR(gst_object_ref_sink(g_object_new(fake_cuda_allocator_get_type(), nullptr)));
  const gsize size = GST_VIDEO_INFO_SIZE(info);
  auto* memory = new GstCudaMemory{};
  gst_memory_init(GST_MEMORY_CAST(memory), GstMemoryFlags(0), allocator, nullptr, size, 0, 0, size);
  memory->context = GST_CUDA_CONTEXT(gst_object_ref(context));
  memory->info = *info;
  memory->device = static_cast<guint8*>(g_malloc0(size));
  memory->staging = static_cast<guint8*>(g_malloc0(size));
  memory->pending = static_cast<guint8*>(g_memdup2(pixels, size));
  return GST_MEMORY_CAST(memory);
}
int fake_cuda_downloads(void) { return downloads; }
int fake_cuda_uploads(void) { return uploads; }

gboolean gst_cuda_load_library(void) { return TRUE; }
void gst_cuda_memory_init_once(void) {}
gboolean gst_is_cuda_memory(GstMemory* memory) {
  return gst_memory_is_type(memory, "gst.cuda.memory");
}
void gst_cuda_memory_sync(GstCudaMemory* memory) {
  if (!memory->pending) return;
  std::memcpy(memory->device, memory->pending, memory->mem.maxsize);
  g_free(const_cast<guint8*>(memory->pending));
  memory->pending = nullptr;
}
