// What a surface of memory:NVMM describes, and which are refused.
#include "base/error.h"
#include "device_memory/nvmm_fixture.h"
#include "plugin/memory/frame_map.h"
#include "plugin/memory/nvmm_surface.h"
#include "plugin/memory/video_caps.h"

namespace tubecam::testing {
namespace {

std::string refusal(const Surface& surface, const std::string& caps = "") {
  try {
    read_surface(surface.surface, caps.empty() ? info_of(surface) : info_of(caps));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "it was not refused";
  return "";
}

TEST_F(Nvmm, CapsOfferWhatWasBuiltBehindSystemMemory) {
  GstCaps* caps = tubecam::video_caps();
  ASSERT_EQ(gst_caps_get_size(caps), 3u);
  EXPECT_TRUE(gst_caps_features_is_equal(gst_caps_get_features(caps, 0),
                                         GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
  EXPECT_TRUE(gst_caps_features_contains(gst_caps_get_features(caps, 1), "memory:NVMM"));
  EXPECT_TRUE(gst_caps_features_contains(gst_caps_get_features(caps, 2), "memory:CUDAMemory"));
  gst_caps_unref(caps);
}

TEST_F(Nvmm, PlanesLieWhereTheSurfaceSays) {
  for (const PixelFormat format : kFormats) {
    Surface surface(format, 33, 17, NVBUF_MEM_CUDA_DEVICE);
    surface.surface.gpuId = 3;
    const SurfaceFrame read = read_surface(surface.surface, info_of(surface));
    const Frame& frame = read.frame;
    EXPECT_EQ(frame.format, format);
    EXPECT_EQ(frame.width, 33);
    EXPECT_EQ(frame.height, 17);
    EXPECT_EQ(frame.device.type, DeviceType::kCuda);
    EXPECT_EQ(frame.device.index, 3);
    EXPECT_EQ(frame.stream, nullptr);
    for (int i = 0; i < num_planes(format); ++i) {
      EXPECT_EQ(frame.plane[i], surface.pixels.data() + surface.params.planeParams.offset[i]);
      EXPECT_EQ(frame.stride[i], int(surface.params.planeParams.pitch[i]));
    }
  }
}

TEST_F(Nvmm, SurfacesLargerThanTheCapsAreCutToThem) {
  const Surface surface(PixelFormat::kNV12, 64, 52, NVBUF_MEM_CUDA_DEVICE);  // padded by a decoder
  const Frame frame =
      read_surface(surface.surface, info_of(nvmm_caps(PixelFormat::kNV12, 60, 48))).frame;
  EXPECT_EQ(frame.width, 60);
  EXPECT_EQ(frame.height, 48);
  expect_words(refusal(surface, nvmm_caps(PixelFormat::kNV12, 66, 52)), {"64x52", "66x52"});
}

TEST_F(Nvmm, ColourIsThatOfTheSurfaceElseOfTheCaps) {
  const std::string plain = nvmm_caps(PixelFormat::kNV12, 64, 48);
  const struct {
    NvBufSurfaceColorFormat color;
    const char* colorimetry;
    YuvMatrix matrix;
    bool full_range;
  } cases[] = {
      {NVBUF_COLOR_FORMAT_NV12, "bt601", YuvMatrix::kBt601, false},
      {NVBUF_COLOR_FORMAT_NV12, "bt709", YuvMatrix::kBt709, false},
      {NVBUF_COLOR_FORMAT_NV12, "1:4:0:0", YuvMatrix::kBt601, true},
      {NVBUF_COLOR_FORMAT_NV12_ER, "bt601", YuvMatrix::kBt601, true},
      {NVBUF_COLOR_FORMAT_NV12_709, "bt601", YuvMatrix::kBt709, false},
      {NVBUF_COLOR_FORMAT_NV12_709_ER, "bt601", YuvMatrix::kBt709, true},
      {NVBUF_COLOR_FORMAT_NV12_2020, "bt601", YuvMatrix::kBt709, false},
  };
  Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_CUDA_DEVICE);
  for (const auto& c : cases) {
    surface.params.colorFormat = c.color;
    const Frame frame =
        read_surface(surface.surface, info_of(plain + ",colorimetry=" + c.colorimetry)).frame;
    EXPECT_EQ(frame.matrix, c.matrix) << c.color << c.colorimetry;
    EXPECT_EQ(frame.full_range, c.full_range) << c.color << c.colorimetry;
  }
}

TEST_F(Nvmm, WhatCannotBeReadInPlaceIsRefusedWithTheRemedy) {
  Surface surface(PixelFormat::kNV12, 64, 48, NVBUF_MEM_CUDA_DEVICE);
  const auto spoiled = [&](auto&& spoil) {
    const NvBufSurface before = surface.surface;
    const NvBufSurfaceParams params = surface.params;
    spoil();
    const std::string text = refusal(surface);
    surface.surface = before;
    surface.params = params;
    return text;
  };
  expect_words(spoiled([&] { surface.surface.numFilled = 4; }),
               {"batch of up to 4", "nvstreamdemux"});
  expect_words(spoiled([&] { surface.surface.batchSize = 8; }), {"batch of up to 8"});
  expect_words(spoiled([&] { surface.params.layout = NVBUF_LAYOUT_BLOCK_LINEAR; }),
               {"block-linear", "bl-output=false"});
  expect_words(spoiled([&] { surface.surface.memType = NVBUF_MEM_HANDLE; }),
               {"memory type 5", "nvvideoconvert"});
  expect_words(spoiled([&] { surface.params.colorFormat = NVBUF_COLOR_FORMAT_NV12_10LE; }),
               {"colour format", "NV12 of the caps"});
  expect_words(spoiled([&] { surface.params.colorFormat = NVBUF_COLOR_FORMAT_RGBA; }),
               {"NV12 of the caps"});
  expect_words(spoiled([&] { surface.params.dataPtr = nullptr; }), {"no address"});
  expect_words(spoiled([&] { surface.params.dataSize -= 40; }), {"plane 1", "ends at byte"});
  expect_words(spoiled([&] { surface.params.planeParams.num_planes = 1; }), {"1 planes", "NV12"});
  expect_words(spoiled([&] { surface.surface.surfaceList = nullptr; }), {"no surface"});
  surface.surface.numFilled = 0;  // as converters of one stream leave it
  EXPECT_NO_THROW(read_surface(surface.surface, info_of(surface)));
}

TEST_F(Nvmm, TwoGpusAreToldApartByTheProperty) {
  const Device first{DeviceType::kCuda, 0}, second{DeviceType::kCuda, 1};
  EXPECT_NO_THROW(check_device(first, first));
  EXPECT_NO_THROW(check_device(second, {}));
  EXPECT_NO_THROW(check_device({}, second));
  try {
    check_device(second, first);
    FAIL();
  } catch (const Error& error) {
    expect_words(error.what(), {"lie on cuda:1", "\"device\" is cuda:0", "set device=cuda:1"});
  }
}

}  // namespace
}  // namespace tubecam::testing
