// memory:CUDAMemory through the elements: GStreamer's CUDA library faked, CUDA emulated.
#include <gst/cuda/gstcuda.h>

#include <algorithm>

#include "support/annotate.h"
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

std::string cuda_caps(const std::string& format, int width, int height) {
  std::string text = video_caps(format, width, height);
  return text.insert(text.find(','), "(memory:CUDAMemory)");
}

// The context of an element around tubecam: asked for at tubecam's pad, as decoders do.
GstCudaContext* context_from(GstElement* tubecam, const char* pad_name) {
  GstPad* pad = gst_element_get_static_pad(tubecam, pad_name);
  GstQuery* query = gst_query_new_context(GST_CUDA_CONTEXT_TYPE);
  GstCudaContext* found = nullptr;
  if (gst_pad_query(pad, query)) {
    GstContext* context = nullptr;
    gst_query_parse_context(query, &context);
    gst_structure_get(gst_context_get_structure(context), GST_CUDA_CONTEXT_TYPE,
                      GST_TYPE_CUDA_CONTEXT, &found, nullptr);
  }
  gst_query_unref(query);
  gst_object_unref(pad);
  return found;
}

struct ObjectDeleter {
  void operator()(gpointer object) const { gst_object_unref(object); }
};
using ContextPtr = std::unique_ptr<GstCudaContext, ObjectDeleter>;
using ElementPtr = std::unique_ptr<GstElement, ObjectDeleter>;

// A tubecam on a GPU that is READY and so shares CUDA's context.
struct Sharing {
  explicit Sharing(const char* device = "cuda:0")
      : element(GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("tubecam", nullptr)))),
        bus(gst_bus_new()) {
    g_object_set(element.get(), "device", device, nullptr);
    gst_element_set_bus(element.get(), bus);
    EXPECT_EQ(gst_element_set_state(element.get(), GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  }
  ~Sharing() {
    gst_element_set_state(element.get(), GST_STATE_NULL);
    gst_element_set_bus(element.get(), nullptr);
    gst_object_unref(bus);
  }

  ElementPtr element;
  GstBus* bus;
};

// The pixels of picture() in CUDA's memory, in rows wider than the caps imply.
GstBuffer* in_cuda_memory(const std::string& caps_text, GstCudaContext* context, GstClockTime pts,
                          unsigned seed = 0, bool with_meta = true) {
  GstCaps* caps = gst_caps_from_string(caps_text.c_str());
  GstVideoInfo info;
  EXPECT_TRUE(gst_video_info_from_caps(&info, caps));
  gst_caps_unref(caps);
  const BufferPtr packed(picture(caps_text, pts, seed));
  const std::vector<uint8_t> bytes = bytes_of(packed.get());
  GstVideoInfo wide = info;
  gsize size = 0;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); ++i) {
    wide.stride[i] = GST_VIDEO_INFO_PLANE_STRIDE(&info, i) + 40;
    wide.offset[i] = size;
    size += gsize(wide.stride[i]) * GST_VIDEO_INFO_COMP_HEIGHT(&info, i ? 1 : 0);
  }
  wide.size = size;
  std::vector<uint8_t> pitched(size);
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); ++i)
    for (int y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT(&info, i ? 1 : 0); ++y)
      std::copy_n(bytes.begin() + ptrdiff_t(info.offset[i]) + y * info.stride[i], info.stride[i],
                  pitched.begin() + ptrdiff_t(wide.offset[i]) + y * wide.stride[i]);
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(buffer, fake_cuda_memory(context, &wide, pitched.data()));
  if (with_meta)
    gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
                                   guint(info.width), guint(info.height),
                                   GST_VIDEO_INFO_N_PLANES(&info), wide.offset, wide.stride);
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = kFrame;
  return buffer;
}

std::vector<uint8_t> pixels_of(GstBuffer* buffer) {
  GstCudaMemory* memory = GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer, 0));
  EXPECT_EQ(memory->pending, nullptr) << "work of the memory's stream was not awaited";
  return {memory->device, memory->device + memory->mem.maxsize};
}

TEST(CudaMemory, ATubecamOnAGpuSharesItsContext) {
  const Sharing sharing;
  for (const char* pad : {"sink", "src"}) {
    const ContextPtr context(context_from(sharing.element.get(), pad));
    ASSERT_NE(context, nullptr) << pad;
  }
  GstMessage* message = gst_bus_pop_filtered(sharing.bus, GST_MESSAGE_HAVE_CONTEXT);
  ASSERT_NE(message, nullptr) << "no message reached the pipeline";
  gst_message_unref(message);
  const Sharing on_cpu("cpu");
  EXPECT_EQ(ContextPtr(context_from(on_cpu.element.get(), "sink")), nullptr);
}

// What tubeoverlay makes of one frame of a context.
struct Drawn {
  std::vector<uint8_t> before, after;
  int downloads, uploads;
};

Drawn draw(const std::string& format, GstCudaContext* context, bool shared_buffer = false,
           bool with_meta = true) {
  Rig rig("tubeoverlay");
  const std::string caps = cuda_caps(format, 162, 120);
  rig.caps(caps);
  GstBuffer* buffer = in_cuda_memory(caps, context, 0, 7, with_meta);
  annotate(buffer);
  const BufferPtr mine(shared_buffer ? gst_buffer_ref(buffer) : nullptr);
  Drawn drawn{};
  const GstCudaMemory* memory = GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer, 0));
  drawn.before = {memory->pending, memory->pending + memory->mem.maxsize};
  const int downloads = fake_cuda_downloads(), uploads = fake_cuda_uploads();
  EXPECT_EQ(gst_harness_push(rig.harness(), buffer), GST_FLOW_OK);
  const BufferPtr out(gst_harness_pull(rig.harness()));
  EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty());
  drawn.after = pixels_of(out.get());
  drawn.downloads = fake_cuda_downloads() - downloads;
  drawn.uploads = fake_cuda_uploads() - uploads;
  if (mine) {
    EXPECT_EQ(pixels_of(mine.get()), drawn.before) << "another branch's pixels were drawn on";
  }
  return drawn;
}

TEST(CudaMemory, TheOverlayDrawsInPlaceInASharedContext) {
  const Sharing sharing;
  const ContextPtr context(context_from(sharing.element.get(), "sink"));
  const ContextPtr foreign(gst_cuda_context_new_wrapped(CUcontext(0x5), 0));
  for (const char* format : {"NV12", "I420", "RGBA", "BGRx", "RGB"}) {
    const Drawn there = draw(format, context.get()), here = draw(format, foreign.get());
    EXPECT_NE(there.after, there.before) << format;
    EXPECT_EQ(there.downloads + there.uploads, 0) << "it left the device";
    EXPECT_EQ(here.downloads, 1) << "another context's memory was touched";
    EXPECT_EQ(here.uploads, 1);
    ASSERT_EQ(there.after.size(), here.after.size());
    for (size_t i = 0; i < there.after.size(); ++i)
      ASSERT_NEAR(there.after[i], here.after[i], 4) << format << " byte " << i;
  }
}

TEST(CudaMemory, RowsOfMemoryWithoutMetadataAreThoseOfTheMemory) {
  const Sharing sharing;
  const ContextPtr context(context_from(sharing.element.get(), "sink"));
  EXPECT_EQ(draw("NV12", context.get(), false, false).after, draw("NV12", context.get()).after);
}

TEST(CudaMemory, ASharedBufferIsCopiedOnTheDevice) {
  const Sharing sharing;
  const ContextPtr context(context_from(sharing.element.get(), "sink"));
  const Drawn alone = draw("NV12", context.get()), shared = draw("NV12", context.get(), true);
  EXPECT_EQ(shared.after, alone.after);
  EXPECT_EQ(shared.downloads + shared.uploads, 0);
}

int windows_explained(GstCudaContext* context, const std::string& align) {
  Rig rig("tubecam", {{"align", align}});
  const std::string caps = cuda_caps("NV12", 64, 48);
  rig.caps(caps);
  for (int i = 0; i < kWindow + 1; ++i)
    EXPECT_EQ(gst_harness_push(rig.harness(), in_cuda_memory(caps, context, i * kFrame, i)),
              GST_FLOW_OK);
  rig.end();
  const auto frames = rig.take();
  EXPECT_EQ(frames.size(), size_t(kWindow + 1));
  EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty());
  for (const BufferPtr& frame : frames)
    EXPECT_TRUE(gst_is_cuda_memory(gst_buffer_peek_memory(frame.get(), 0)));
  return align == "delayed" ? annotated(frames) : int(rig.count("windows"));
}

TEST(CudaMemory, TubecamReadsItsOwnContextsMemoryWhereItLies) {
  const Sharing sharing;
  const ContextPtr context(context_from(sharing.element.get(), "sink"));
  const int downloads = fake_cuda_downloads();
  EXPECT_EQ(windows_explained(context.get(), "latest"), 1);
  EXPECT_EQ(windows_explained(context.get(), "delayed"), kWindow + 1);
  EXPECT_EQ(fake_cuda_downloads(), downloads);
}

TEST(CudaMemory, TubecamReadsOtherContextsThroughSystemMemory) {
  const ContextPtr foreign(gst_cuda_context_new_wrapped(CUcontext(0x5), 0));
  const int uploads = fake_cuda_uploads();
  EXPECT_EQ(windows_explained(foreign.get(), "latest"), 1);
  EXPECT_EQ(fake_cuda_uploads(), uploads);  // nothing was written
}

TEST(CudaMemory, SystemMemoryUnderTheseCapsIsTaken) {
  Rig rig("tubeoverlay");
  const std::string caps = cuda_caps("RGB", 64, 64);
  rig.caps(caps);
  GstBuffer* buffer = picture(caps, 0, 7);
  const std::vector<uint8_t> before = bytes_of(buffer);
  annotate(buffer);
  gst_harness_push(rig.harness(), buffer);
  EXPECT_NE(bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get()), before);
  EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty());
}

}  // namespace
}  // namespace tubecam::testing
