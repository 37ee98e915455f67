// memory:NVMM through the elements: surfaces as NVIDIA's library describes them, CUDA emulated.
#include <algorithm>

#include "device_memory/nvmm_fixture.h"
#include "support/annotate.h"
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

constexpr NvBufSurfaceMemType kReadable[] = {NVBUF_MEM_DEFAULT,       NVBUF_MEM_CUDA_PINNED,
                                             NVBUF_MEM_CUDA_DEVICE,   NVBUF_MEM_CUDA_UNIFIED,
                                             NVBUF_MEM_SURFACE_ARRAY, NVBUF_MEM_SYSTEM};
// ---- tubeoverlay ----

// The same picture in system memory.
GstBuffer* in_system_memory(const Surface& surface) {
  const GstVideoInfo info = info_of(surface);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  GstVideoFrame map;
  EXPECT_TRUE(gst_video_frame_map(&map, &info, buffer, GST_MAP_WRITE));
  const std::vector<uint8_t> bytes = surface.picture();
  size_t at = 0;
  for (int i = 0; i < num_planes(surface.format); ++i) {
    const PlaneLayout layout = plane_layout(surface.format, surface.width, surface.height, i);
    const size_t row = size_t(layout.width) * size_t(layout.channels);
    for (int y = 0; y < layout.height; ++y, at += row)
      std::copy_n(bytes.begin() + ptrdiff_t(at), row,
                  static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&map, i)) +
                      y * GST_VIDEO_FRAME_PLANE_STRIDE(&map, i));
  }
  gst_video_frame_unmap(&map);
  GST_BUFFER_PTS(buffer) = 0;
  GST_BUFFER_DURATION(buffer) = kFrame;
  return buffer;
}

// What tubeoverlay draws on that picture in system memory, without padding.
std::vector<uint8_t> drawn_in_system_memory(const Surface& surface, const Rig::Properties& style) {
  Rig rig("tubeoverlay", style);
  rig.caps(video_caps(to_string(surface.format), surface.width, surface.height));
  GstBuffer* buffer = in_system_memory(surface);
  annotate(buffer);
  gst_harness_push(rig.harness(), buffer);
  const BufferPtr out(gst_harness_pull(rig.harness()));
  const GstVideoInfo info = info_of(surface);
  GstVideoFrame map;
  EXPECT_TRUE(gst_video_frame_map(&map, &info, out.get(), GST_MAP_READ));
  std::vector<uint8_t> bytes;
  for (int i = 0; i < num_planes(surface.format); ++i) {
    const PlaneLayout layout = plane_layout(surface.format, surface.width, surface.height, i);
    for (int y = 0; y < layout.height; ++y) {
      const auto* row = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&map, i)) +
                        y * GST_VIDEO_FRAME_PLANE_STRIDE(&map, i);
      bytes.insert(bytes.end(), row, row + layout.width * layout.channels);
    }
  }
  gst_video_frame_unmap(&map);
  return bytes;
}

// Each of two kernels keeps within 2 levels of the definition of heat.
void expect_near(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, int levels) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], levels) << "byte " << i;
}

BufferPtr through(Rig& rig, Surface& surface) {
  GstBuffer* buffer = surface.buffer();
  annotate(buffer);
  EXPECT_EQ(gst_harness_push(rig.harness(), buffer), GST_FLOW_OK);
  return BufferPtr(gst_harness_pull(rig.harness()));
}

TEST_F(Nvmm, TheOverlayDrawsInPlaceOnEveryKindOfMemory) {
  for (const NvBufSurfaceMemType type : kReadable) {
    for (const PixelFormat format : kFormats) {
      Surface surface(format, 161, 121, type);
      const std::vector<uint8_t> before = surface.picture(), padding = surface.padding();
      const std::vector<uint8_t> expected = drawn_in_system_memory(surface, {});
      Rig rig("tubeoverlay");
      rig.caps(nvmm_caps(format, surface.width, surface.height));
      const BufferPtr out = through(rig, surface);
      ASSERT_NE(out, nullptr);
      EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty()) << type;
      EXPECT_NE(surface.picture(), before);
      expect_near(surface.picture(), expected, 4);
      EXPECT_EQ(surface.padding(), padding) << "bytes beside the picture were written";
    }
  }
}

TEST_F(Nvmm, CaptionsAreByteForByteThoseOfSystemMemory) {
  const Rig::Properties style = {{"show-heat", "false"}};
  Surface surface(PixelFormat::kNV12, 320, 240, NVBUF_MEM_CUDA_DEVICE);
  const std::vector<uint8_t> expected = drawn_in_system_memory(surface, style);
  Rig rig("tubeoverlay", style);
  rig.caps(nvmm_caps(surface.format, surface.width, surface.height));
  through(rig, surface);
  EXPECT_EQ(surface.picture(), expected);
}

TEST_F(Nvmm, AJetsonsSurfacesAreMappedAsItsDriverWants) {
  const auto draw_one = [](NvBufSurfaceDriverType type) {
    surface_driver() = {};
    surface_driver().type = type;
    Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_SURFACE_ARRAY);
    Rig rig("tubeoverlay");
    rig.caps(nvmm_caps(surface.format, surface.width, surface.height));
    const std::vector<uint8_t> before = surface.picture();
    through(rig, surface);
    EXPECT_NE(surface.picture(), before);
    EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty());
    return surface_driver();
  };
  const SurfaceDriver nvgpu = draw_one(NVBUF_DRIVER_TYPE_NVGPU);
  EXPECT_EQ(nvgpu.egl_maps, 1);
  EXPECT_EQ(nvgpu.cache_syncs, 0);
  const SurfaceDriver open_rm = draw_one(NVBUF_DRIVER_TYPE_RM);
  EXPECT_EQ(open_rm.egl_maps, 0);
  EXPECT_EQ(open_rm.cache_syncs, 2);  // before reading and after drawing
}

TEST_F(Nvmm, AnImageThatSomebodyElseMappedStaysMapped) {
  Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_SURFACE_ARRAY);
  ASSERT_EQ(NvBufSurfaceMapEglImage(&surface.surface, 0), 0);
  Rig rig("tubeoverlay");
  rig.caps(nvmm_caps(surface.format, surface.width, surface.height));
  const std::vector<uint8_t> before = surface.picture();
  through(rig, surface);
  EXPECT_NE(surface.picture(), before);
  EXPECT_EQ(surface_driver().egl_maps, 1);
  EXPECT_NE(surface.params.mappedAddr.eglImage, nullptr);
  NvBufSurfaceUnMapEglImage(&surface.surface, 0);
}

TEST_F(Nvmm, ABlockLinearImageIsAWarningAndTheFramePasses) {
  surface_driver().block_linear_image = true;  // although the description says otherwise
  Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_SURFACE_ARRAY);
  Rig rig("tubeoverlay");
  rig.caps(nvmm_caps(surface.format, surface.width, surface.height));
  const std::vector<uint8_t> before = surface.pixels;
  EXPECT_NE(through(rig, surface), nullptr);
  EXPECT_EQ(surface.pixels, before);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  expect_words(warnings[0], {"block-linear", "bl-output=false"});
}

TEST_F(Nvmm, ASharedSurfaceIsNotDrawnOn) {
  Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_CUDA_DEVICE);
  Rig rig("tubeoverlay");
  rig.caps(nvmm_caps(surface.format, surface.width, surface.height));
  const std::vector<uint8_t> before = surface.pixels;
  const BufferPtr mine(surface.buffer());
  annotate(mine.get());
  gst_harness_push(rig.harness(), gst_buffer_ref(mine.get()));
  const BufferPtr out(gst_harness_pull(rig.harness()));
  EXPECT_EQ(surface.pixels, before);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  expect_words(warnings[0], {"tee", "nvvideoconvert"});
}

TEST_F(Nvmm, BuffersThatDescribeNoSurfaceAreWarnings) {
  Rig rig("tubeoverlay");
  rig.caps(nvmm_caps(PixelFormat::kNV12, 64, 48));
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 8, nullptr);
  GST_BUFFER_PTS(buffer) = 0;
  annotate(buffer);
  EXPECT_EQ(gst_harness_push(rig.harness(), buffer), GST_FLOW_OK);
  EXPECT_NE(BufferPtr(gst_harness_pull(rig.harness())), nullptr);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  expect_words(warnings[0], {"8 bytes", "NvBufSurface"});
}

// ---- tubecam ----

// The logits of the first window of a moving pattern.
std::vector<double> logits_of(bool nvmm, NvBufSurfaceMemType type) {
  Rig rig("tubecam");
  constexpr int kWidth = 64, kHeight = 48;
  std::vector<std::unique_ptr<Surface>> surfaces;
  rig.caps(nvmm ? nvmm_caps(PixelFormat::kNV12, kWidth, kHeight)
                : video_caps("NV12", kWidth, kHeight));
  for (int i = 0; i < kWindow + 1; ++i) {
    surfaces.push_back(
        std::make_unique<Surface>(PixelFormat::kNV12, kWidth, kHeight, type, unsigned(i)));
    GstBuffer* buffer = nvmm ? surfaces.back()->buffer() : in_system_memory(*surfaces.back());
    GST_BUFFER_PTS(buffer) = GstClockTime(i) * kFrame;
    EXPECT_EQ(gst_harness_push(rig.harness(), buffer), GST_FLOW_OK);
  }
  rig.end();
  EXPECT_EQ(rig.count("windows"), 1u);
  EXPECT_EQ(rig.take().size(), size_t(kWindow + 1));
  std::vector<double> logits;
  const auto kinds = GstMessageType(GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING | GST_MESSAGE_ERROR);
  while (GstMessage* message = gst_bus_pop_filtered(GST_ELEMENT_BUS(rig.element()), kinds)) {
    EXPECT_EQ(GST_MESSAGE_TYPE(message), GST_MESSAGE_ELEMENT);
    const GValue* bytes = gst_structure_get_value(gst_message_get_structure(message), "logits");
    gsize size = 0;
    const auto* values = static_cast<const float*>(
        g_bytes_get_data(static_cast<GBytes*>(g_value_get_boxed(bytes)), &size));
    logits.assign(values, values + size / sizeof(float));
    gst_message_unref(message);
  }
  return logits;
}

TEST_F(Nvmm, TubecamExplainsSurfacesAsItDoesSystemMemory) {
  const std::vector<double> expected = logits_of(false, NVBUF_MEM_SYSTEM);
  ASSERT_FALSE(expected.empty());
  for (const NvBufSurfaceMemType type :
       {NVBUF_MEM_CUDA_DEVICE, NVBUF_MEM_SURFACE_ARRAY, NVBUF_MEM_SYSTEM}) {
    const std::vector<double> logits = logits_of(true, type);
    ASSERT_EQ(logits.size(), expected.size()) << type;
    for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 1e-3) << type;
  }
}

TEST_F(Nvmm, HoldingAPoolsSurfacesIsRefused) {
  Rig rig("tubecam", delayed());
  gst_harness_set_src_caps_str(rig.harness(), nvmm_caps(PixelFormat::kNV12, 64, 48).c_str());
  const auto errors = rig.messages(GST_MESSAGE_ERROR);
  ASSERT_FALSE(errors.empty());
  expect_words(errors[0], {"align=delayed", "align=latest", "nvvideoconvert"});
}

TEST_F(Nvmm, BatchesPassUnexplainedWithAWarning) {
  Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_CUDA_DEVICE);
  surface.surface.batchSize = surface.surface.numFilled = 2;
  Rig rig("tubecam");
  rig.caps(nvmm_caps(PixelFormat::kNV12, 64, 48));
  for (int i = 0; i < kWindow; ++i) {
    EXPECT_EQ(gst_harness_push(rig.harness(), surface.buffer(GstClockTime(i) * kFrame)),
              GST_FLOW_OK);
  }
  EXPECT_EQ(rig.take().size(), size_t(kWindow));
  EXPECT_EQ(rig.count("windows"), 0u);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);  // once, not each frame
  expect_words(warnings[0], {"nvstreamdemux"});
}

}  // namespace
}  // namespace tubecam::testing
