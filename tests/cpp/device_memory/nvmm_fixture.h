// What tests of memory:NVMM share.
#pragma once

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <string>

#include "surface.h"

namespace tubecam::testing {

inline constexpr PixelFormat kFormats[] = {
    PixelFormat::kNV12, PixelFormat::kI420, PixelFormat::kRGBA, PixelFormat::kBGRx,
    PixelFormat::kRGB,  PixelFormat::kBGR,  PixelFormat::kBGRA, PixelFormat::kRGBx};

inline std::string nvmm_caps(PixelFormat format, int width, int height) {
  return "video/x-raw(memory:NVMM),format=" + std::string(to_string(format)) +
         ",width=" + std::to_string(width) + ",height=" + std::to_string(height) +
         ",framerate=30/1";
}

inline GstVideoInfo info_of(const std::string& text) {
  GstCaps* caps = gst_caps_from_string(text.c_str());
  GstVideoInfo info;
  EXPECT_TRUE(gst_video_info_from_caps(&info, caps));
  gst_caps_unref(caps);
  return info;
}

inline GstVideoInfo info_of(const Surface& s) {
  return info_of(nvmm_caps(s.format, s.width, s.height));
}

inline void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << text;
}

class Nvmm : public ::testing::Test {
 protected:
  void SetUp() override { surface_driver() = {}; }
  void TearDown() override {
    EXPECT_EQ(surface_driver().egl_images, 0) << "an EGL image stayed mapped";
    EXPECT_EQ(surface_driver().registrations, 0) << "an EGL image stayed registered with CUDA";
    EXPECT_EQ(surface_driver().cuda_buffers, 0) << "a CUDA buffer stayed mapped";
  }
};

}  // namespace tubecam::testing
