// Captions and heat on frames in a GPU's memory, against the same on frames in system memory.
#include "clip/frame/frame_cuda.h"
#include "overlay/caption/caption.h"
#include "overlay/device_canvas.h"
#include "support/cuda_fixture.h"
#include "support/picture.h"

namespace tubecam {
namespace {

using CudaCanvas = CudaTest;

Caption words_and_strip() {
  Caption caption;
  caption.label = "turns left";
  caption.score = "93 %";
  caption.note = "gradcam";
  caption.strip = {0.1f, 0.8f, 0.3f, 1};
  caption.key_frames = {1};
  return caption;
}

HeatPlane left_half_hot(const std::vector<float>& values, const Frame& frame) {
  HeatPlane plane;
  plane.values = values.data();
  plane.h = 2, plane.w = 2;
  plane.clip_height = plane.clip_width = 32;
  plane.stride = {16, 16};
  plane.offset = {7.5, 7.5};
  plane.source = {0, 0, double(frame.width), double(frame.height)};
  return plane;
}

// Draws on a copy in the GPU's memory and brings that back.
template <typename Draw>
AnyPicture drawn_there(const AnyPicture& picture, const Draw& draw) {
  AnyPicture result = picture;
  const CudaStream stream;
  DeviceFrame there;
  const Frame frame = there.upload(result.frame, stream.get());
  stream.synchronize();
  draw(frame);
  there.download(result.frame, stream.get());
  stream.synchronize();
  return result;
}

void expect_same(const AnyPicture& a, const AnyPicture& b) {
  for (int i = 0; i < num_planes(a.frame.format); ++i)
    ASSERT_EQ(a.planes[i], b.planes[i]) << to_string(a.frame.format) << " plane " << i;
}

TEST_F(CudaCanvas, CaptionsAreThoseOfTheCpuByteForByte) {
  CaptionPainter here, there;
  for (const PixelFormat format : kPixelFormats) {
    for (const auto& [width, height] : {std::pair(320, 241), std::pair(65, 49)}) {
      const AnyPicture before(format, width, height, 5, 3);
      AnyPicture on_cpu = before;
      const Caption caption = words_and_strip();
      here.draw(on_cpu.frame, caption, ColorMap::kInferno);
      const AnyPicture on_gpu =
          drawn_there(before, [&](const Frame& f) { there.draw(f, caption, ColorMap::kInferno); });
      expect_same(on_gpu, on_cpu);
      EXPECT_NE(on_gpu.planes[0], before.planes[0]);
    }
  }
}

TEST_F(CudaCanvas, NewWordsAreBroughtThere) {
  CaptionPainter here, there;
  Caption caption = words_and_strip();
  for (const char* label : {"left", "a much longer label than before", "up"}) {
    caption.label = label;
    AnyPicture on_cpu(PixelFormat::kNV12, 320, 240, 0, 3);
    const AnyPicture on_gpu =
        drawn_there(on_cpu, [&](const Frame& f) { there.draw(f, caption, ColorMap::kTurbo); });
    here.draw(on_cpu.frame, caption, ColorMap::kTurbo);
    expect_same(on_gpu, on_cpu);
  }
}

TEST_F(CudaCanvas, HeatAndCaptionInTheOrderOfOneStream) {
  const std::vector<float> values = {1, 0, 1, 0};
  const AnyPicture before(PixelFormat::kNV12, 320, 240, 0, 9);
  const HeatStyle style;
  CaptionPainter painter;
  const auto canvas = make_device_canvas(kGpu);
  const AnyPicture once = drawn_there(before, [&](const Frame& frame) {
    blend_heat(frame, left_half_hot(values, frame), style);
    painter.draw(frame, words_and_strip(), style.color_map);
  });
  for (int turn = 0; turn < 2; ++turn) {
    const AnyPicture queued = drawn_there(before, [&](const Frame& frame) {
      const Frame there = canvas->begin(frame);
      canvas->blend_heat(there, left_half_hot(values, frame), style);
      painter.draw(there, words_and_strip(), style.color_map);
      canvas->end();
    });
    expect_same(queued, once);
  }
}

TEST_F(CudaCanvas, WhatDrawsOnFramesOfAStreamKeepsItsOrder) {
  const CudaStream stream;
  const std::vector<float> values = {1, 0, 1, 0};
  AnyPicture picture(PixelFormat::kRGBA, 64, 48, 0, 9);
  DeviceFrame there;
  Frame frame = there.upload(picture.frame, stream.get());
  frame.stream = stream.get();
  const auto canvas = make_device_canvas(kGpu);
  const Frame queued = canvas->begin(frame);
  EXPECT_EQ(queued.device.index, 0);
  canvas->blend_heat(queued, left_half_hot(values, frame), {});
  canvas->end();
  AnyPicture result = picture;
  there.download(result.frame, stream.get());
  stream.synchronize();
  blend_heat(picture.frame, left_half_hot(values, picture.frame), {});
  for (size_t i = 0; i < picture.planes[0].size(); ++i)
    ASSERT_NEAR(result.planes[0][i], picture.planes[0][i], 3) << i;
}

}  // namespace
}  // namespace tubecam
