// CUDA's blend against its definition in float64 (overlay.h, Note [Heat], Note [Motion]).
#include <algorithm>
#include <cmath>

#include "clip/frame/frame_cuda.h"
#include "overlay/overlay_cuda.h"
#include "support/cuda_fixture.h"
#include "support/picture.h"

#ifdef TUBECAM_EMULATED_CUDA
#include "cuda_runtime.h"
#endif

namespace tubecam {
namespace {

using CudaOverlay = CudaTest;
using Grid = std::vector<std::vector<double>>;

double unit(double value) { return value > 0 ? std::min(value, 1.0) : 0; }  // NaN: 0

double catmull_rom(double a, double b, double c, double d, double t) {
  const double t2 = t * t, t3 = t2 * t;
  return unit(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t2 +
                     (3 * b - a - 3 * c + d) * t3));
}

std::vector<double> refine(const std::vector<double>& line) {
  const int count = int(line.size());
  const auto at = [&](int i) { return line[size_t(std::clamp(i, 0, count - 1))]; };
  std::vector<double> out;
  for (int i = 0; i < count; ++i)
    for (int k = 0; k < (i + 1 < count ? kRefine : 1); ++k)
      out.push_back(catmull_rom(at(i - 1), at(i), at(i + 1), at(i + 2), double(k) / kRefine));
  return out;
}

Grid transposed(const Grid& grid) {
  Grid out(grid[0].size(), std::vector<double>(grid.size()));
  for (size_t y = 0; y < grid.size(); ++y)
    for (size_t x = 0; x < grid[0].size(); ++x) out[x][y] = grid[y][x];
  return out;
}

Grid refine(Grid grid) {
  for (int turn = 0; turn < 2; ++turn) {
    for (auto& line : grid) line = refine(line);
    grid = transposed(grid);
  }
  return grid;
}

double sample(const Grid& grid, double y, double x) {
  y = std::clamp(y, 0.0, double(grid.size() - 1));
  x = std::clamp(x, 0.0, double(grid[0].size() - 1));
  const size_t top = size_t(y), left = size_t(x);
  const size_t bottom = std::min(top + 1, grid.size() - 1),
               right = std::min(left + 1, grid[0].size() - 1);
  const double upper = grid[top][left] + (x - double(left)) * (grid[top][right] - grid[top][left]);
  const double lower =
      grid[bottom][left] + (x - double(left)) * (grid[bottom][right] - grid[bottom][left]);
  return upper + (y - double(top)) * (lower - upper);
}

struct Color {
  double c[3];
};

Color color_at(ColorMap map, double heat) {
  const auto& table = color_table(map);
  const size_t low = size_t(std::min(heat * 255, 254.0));
  Color color{};
  for (size_t c = 0; c < 3; ++c)
    color.c[c] = table[low][c] + (heat * 255 - double(low)) * (table[low + 1][c] - table[low][c]);
  return color;
}

Color yuv_of(const Color& rgb, const Frame& frame) {
  const bool hd = frame.matrix == YuvMatrix::kBt709;
  const double kr = hd ? 0.2126 : 0.299, kb = hd ? 0.0722 : 0.114;
  const double luma = kr * rgb.c[0] + (1 - kr - kb) * rgb.c[1] + kb * rgb.c[2];
  const double u = (rgb.c[2] - luma) / (2 * (1 - kb)), v = (rgb.c[0] - luma) / (2 * (1 - kr));
  if (frame.full_range) return {{luma, u + 128, v + 128}};
  return {{16 + luma * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255}};
}

struct Definition {
  const HeatPlane& plane;
  HeatStyle style;
  Grid heat, motion;
  bool blocks;

  Definition(const HeatPlane& plane, const HeatStyle& style) : plane(plane), style(style) {
    Grid moving;
    for (int y = 0; y < plane.h; ++y) {
      heat.emplace_back(), moving.emplace_back();
      for (int x = 0; x < plane.w; ++x) {
        const int i = y * plane.w + x;
        heat.back().push_back(unit(double(plane.values[i]) / plane.scale));
        moving.back().push_back(heat.back().back() * (plane.motion ? unit(plane.motion[i]) : 0));
      }
    }
    blocks = plane.h < kFewCells || plane.w < kFewCells;
    if (!blocks) heat = refine(heat);
    motion = blocks ? moving : refine(moving);
    for (size_t y = 0; y < heat.size(); ++y)
      for (size_t x = 0; x < heat[0].size(); ++x)
        motion[y][x] = heat[y][x] > 0 ? unit(motion[y][x] / heat[y][x]) : 0.5;
  }

  // Frame pixels → refined points.
  double place(double centre, int axis) const {
    const double source = axis ? plane.source.x : plane.source.y;
    const double size = axis ? plane.source.width : plane.source.height;
    const int clip = axis ? plane.clip_width : plane.clip_height;
    const double pixel = (centre - source) * clip / size - 0.5;
    return (pixel - plane.offset[size_t(axis)]) / plane.stride[size_t(axis)] *
           (blocks ? 1 : kRefine);
  }

  // The block at a place, or −1: between blocks.
  int block(double place, int axis, int height) const {
    const int cells = axis ? plane.w : plane.h;
    const double pixels = plane.stride[size_t(axis)] *
                          (axis ? plane.source.width : plane.source.height) /
                          (axis ? plane.clip_width : plane.clip_height);
    const double gap = std::min(std::max(0.8, height / 600.0) / pixels, 0.13);
    const int cell = int(std::floor(std::clamp(place, 0.0, cells - 1.0) + 0.5));
    const bool before = cell > 0 && place - cell < gap - 0.5;
    const bool after = cell < cells - 1 && place - cell > 0.5 - gap;
    return before || after ? -1 : cell;
  }

  // Each byte of the frame, not rounded.
  std::vector<std::vector<double>> blend(const AnyPicture& picture) const {
    const Frame& frame = picture.frame;
    std::vector<std::vector<double>> planes;
    for (int i = 0; i < num_planes(frame.format); ++i) {
      planes.emplace_back(picture.planes[i].begin(), picture.planes[i].end());
      const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, i);
      const int pitch = layout.chroma ? 2 : 1;
      for (int y = 0; y < layout.height; ++y)
        for (int x = 0; x < layout.width; ++x)
          mix_sample(frame, i, layout, (y + 0.5) * pitch, (x + 0.5) * pitch,
                     &planes.back()[size_t(y) * size_t(frame.stride[size_t(i)]) +
                                    size_t(x) * size_t(layout.channels)]);
    }
    return planes;
  }

  void mix_sample(const Frame& frame, int plane_index, const PlaneLayout& layout, double y,
                  double x, double* bytes) const {
    const Rect& source = plane.source;
    if (y < source.y || y > source.y + source.height || x < source.x || x > source.x + source.width)
      return;
    double row = place(y, 0), column = place(x, 1);
    if (blocks) row = block(row, 0, frame.height), column = block(column, 1, frame.height);
    if (blocks && (row < 0 || column < 0)) return;
    const double value = sample(heat, row, column);
    if (value <= style.threshold) return;
    const double t = std::min((value - style.threshold) / (0.5 * (1 - style.threshold)), 1.0);
    const double opacity = style.alpha * t * t * (3 - 2 * t);
    Color color = color_at(style.color_map, value);
    if (plane.motion) {
      const double share = sample(motion, row, column);
      const Color still = color_at(ColorMap::kStill, value);
      color = color_at(ColorMap::kMoving, value);
      for (int c = 0; c < 3; ++c) color.c[c] = still.c[c] + share * (color.c[c] - still.c[c]);
    }
    if (is_yuv(frame.format)) color = yuv_of(color, frame);
    if (is_blue_first(frame.format)) std::swap(color.c[0], color.c[2]);
    for (int c = 0; c < std::min(layout.channels, 3); ++c)
      bytes[c] += opacity * (color.c[plane_index + c] - bytes[c]);
  }
};

struct Heat {
  std::vector<float> values, motion;
  HeatPlane plane;

  Heat(const Frame& frame, int h, int w, unsigned seed) {
    values = random_values(size_t(h) * size_t(w), seed, -0.4f, 1.3f);
    motion = random_values(size_t(h) * size_t(w), seed + 1, -0.1f, 1.1f);
    values[0] = NAN;
    plane.values = values.data();
    plane.h = h;
    plane.w = w;
    plane.clip_height = 16 * h;
    plane.clip_width = 16 * w;
    plane.stride = {16, 16};
    plane.offset = {7.5, 7.5};
    plane.source = {0.1 * frame.width, -0.05 * frame.height, 0.8 * frame.width, 1.0 * frame.height};
    plane.scale = 0.9f;
  }
  HeatPlane there(DeviceBuffer& memory) {
    memory = DeviceBuffer(2 * values.size() * sizeof(float));
    const CudaStream stream;
    copy_async(memory.data(), values.data(), values.size() * sizeof(float), stream.get());
    float* second = memory.as<float>() + values.size();
    copy_async(second, motion.data(), motion.size() * sizeof(float), stream.get());
    stream.synchronize();
    HeatPlane copy = plane;
    copy.values = memory.as<float>();
    if (plane.motion) copy.motion = second;
    return copy;
  }
};

AnyPicture on_gpu(CudaHeatBlender& blender, const AnyPicture& picture, Heat& heat,
                  const HeatStyle& style) {
  AnyPicture result = picture;
  const CudaStream stream;
  DeviceFrame frame;
  DeviceBuffer memory;
  const HeatPlane plane = heat.there(memory);
  blender.blend(frame.upload(result.frame, stream.get()), plane, style, stream.get());
  frame.download(result.frame, stream.get());
  stream.synchronize();
  return result;
}

void expect_defined(const AnyPicture& got, const AnyPicture& before, const Heat& heat,
                    const HeatStyle& style) {
  const auto expected = Definition(heat.plane, style).blend(before);
  for (size_t i = 0; i < expected.size(); ++i)
    for (size_t at = 0; at < expected[i].size(); ++at)
      ASSERT_NEAR(got.planes[i][at], expected[i][at], 2) << "plane " << i << " byte " << at;
}

TEST_F(CudaOverlay, KeepsItsDefinition) {
  unsigned seed = 0;
  for (const PixelFormat format : kPixelFormats) {
    for (const bool motion : {false, true}) {
      CudaHeatBlender blender;
      for (const auto& [width, height] : {std::pair{1, 1}, {64, 32}, {131, 67}, {17, 90}}) {
        SCOPED_TRACE(std::string(to_string(format)) + " " + std::to_string(width));
        ++seed;
        AnyPicture picture(format, width, height, int(seed % 3) * 8, seed);
        picture.frame.matrix = seed % 2 ? YuvMatrix::kBt709 : YuvMatrix::kBt601;
        picture.frame.full_range = seed % 3 == 0;
        Heat heat(picture.frame, 1 + int(seed % 9), 7, seed);
        if (motion) heat.plane.motion = heat.motion.data();
        const HeatStyle style{ColorMap::kTurbo, 0.8f, 0.2f};
        expect_defined(on_gpu(blender, picture, heat, style), picture, heat, style);
      }
    }
  }
}

TEST_F(CudaOverlay, TakesPlanesOfManyCells) {
  for (const bool motion : {false, true}) {
    const AnyPicture picture(PixelFormat::kNV12, 200, 120, 0, 1);
    Heat heat(picture.frame, 56, 56, 2);
    if (motion) heat.plane.motion = heat.motion.data();
    CudaHeatBlender blender;
    expect_defined(on_gpu(blender, picture, heat, {}), picture, heat, {});
  }
}

TEST_F(CudaOverlay, FollowsTheStyle) {
  const AnyPicture picture(PixelFormat::kRGBA, 40, 30, 0, 1);
  Heat heat(picture.frame, 4, 5, 2);
  CudaHeatBlender blender;
  for (const HeatStyle style :
       {HeatStyle{ColorMap::kInferno, 0.65f, 0.15f}, HeatStyle{ColorMap::kViridis, 0.65f, 0.15f},
        HeatStyle{ColorMap::kViridis, 1.0f, 0.15f}, HeatStyle{ColorMap::kViridis, 1.0f, 0.5f}}) {
    expect_defined(on_gpu(blender, picture, heat, style), picture, heat, style);
  }
}

TEST_F(CudaOverlay, ColdFramesStayAsTheyAre) {
  const AnyPicture picture(PixelFormat::kNV12, 64, 48, 0, 1);
  Heat heat(picture.frame, 4, 4, 2);
  std::fill(heat.values.begin(), heat.values.end(), 0.1f);
  CudaHeatBlender blender;
  const AnyPicture got = on_gpu(blender, picture, heat, {});
  EXPECT_EQ(got.planes[0], picture.planes[0]);
  EXPECT_EQ(got.planes[1], picture.planes[1]);
}

TEST_F(CudaOverlay, MixesTwoPlanesOfTheTubeAndManyFrames) {
  AnyPicture first(PixelFormat::kRGBx, 48, 32, 0, 1), second(PixelFormat::kRGBx, 48, 32, 0, 2);
  Heat heat(first.frame, 3, 4, 3);
  const auto tube = random_values(4 * 12, 7, 0, 1);  // two frames of two planes
  const DeviceBuffer values = to_device(tube);
  std::vector<uint8_t> both = first.planes[0];
  both.insert(both.end(), second.planes[0].begin(), second.planes[0].end());
  const DeviceBuffer frames = to_device(both);
  Frame frame = first.frame;
  frame.plane[0] = frames.as<uint8_t>();
  HeatPlane plane = heat.plane;
  plane.values = values.as<float>();
  HeatLaunch options;
  options.next = values.as<float>() + 12;
  options.part = 0.3f;
  options.frames = 2;
  options.plane_step = {first.planes[0].size(), 0, 0};
  options.values_step = 24;
  const CudaStream stream;
  CudaHeatBlender().blend(frame, plane, {}, stream.get(), options);
  stream.synchronize();
  const auto got = to_host<uint8_t>(frames.data(), both.size());
  for (size_t i = 0; i < 2; ++i) {
    AnyPicture& before = i ? second : first;
    for (size_t cell = 0; cell < 12; ++cell)
      heat.values[cell] = 0.7f * tube[24 * i + cell] + 0.3f * tube[24 * i + 12 + cell];
    AnyPicture after = before;
    const size_t size = before.planes[0].size();
    after.planes[0].assign(got.begin() + long(i * size), got.begin() + long((i + 1) * size));
    expect_defined(after, before, heat, {});
  }
}

TEST_F(CudaOverlay, TheDoorTakesSystemMemory) {
  AnyPicture picture(PixelFormat::kI420, 51, 35, 3, 1);
  const AnyPicture before = picture;
  Heat heat(picture.frame, 5, 6, 2);
  heat.plane.motion = heat.motion.data();
  blend_heat(picture.frame, heat.plane, {}, kGpu);
  expect_defined(picture, before, heat, {});
}

TEST_F(CudaOverlay, SurvivesAnyGeometry) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> real(-1, 1);
  CudaHeatBlender blender;
  for (int i = 0; i < 40; ++i) {
    const AnyPicture picture(kPixelFormats[i % 8], 1 + int(random() % 90), 1 + int(random() % 90),
                             0, random());
    Heat heat(picture.frame, 1 + int(random() % 30), 1 + int(random() % 30), random());
    heat.plane.source = {real(random) * 100, real(random) * 100, std::exp(9 * real(random)),
                         std::exp(9 * real(random))};
    heat.plane.stride = {std::exp(12 * real(random)), std::exp(12 * real(random))};
    heat.plane.offset = {1e4 * real(random), real(random)};
    on_gpu(blender, picture, heat, {});
  }
}

TEST_F(CudaOverlay, RefusesWhatItCannotDraw) {
  const AnyPicture picture(PixelFormat::kRGB, 8, 8, 0, 1);
  Heat heat(picture.frame, 2, 2, 1);
  const auto refuses = [&](const Frame& frame, const HeatPlane& plane, int frames) {
    HeatLaunch options;
    options.frames = frames;
    try {
      CudaHeatBlender().blend(frame, plane, {}, nullptr, options);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUsage;
    }
    return false;
  };
  EXPECT_TRUE(refuses({}, heat.plane, 1));
  EXPECT_TRUE(refuses(picture.frame, {}, 1));
  EXPECT_TRUE(refuses(picture.frame, heat.plane, 0));
}

#ifdef TUBECAM_EMULATED_CUDA
TEST_F(CudaOverlay, ResultsDoNotDependOnTheOrderOfThreads) {
  using emulated_cuda::ThreadOrder;
  const AnyPicture picture(PixelFormat::kNV12, 120, 66, 0, 1);
  Heat heat(picture.frame, 7, 7, 2);
  heat.plane.motion = heat.motion.data();
  CudaHeatBlender blender;
  const AnyPicture ascending = on_gpu(blender, picture, heat, {});
  const int before = emulated_cuda::launches();
  for (const ThreadOrder order : {ThreadOrder::kDescending, ThreadOrder::kShuffled}) {
    emulated_cuda::set_thread_order(order);
    const AnyPicture other = on_gpu(blender, picture, heat, {});
    for (int i = 0; i < 2; ++i) EXPECT_EQ(other.planes[i], ascending.planes[i]);
  }
  emulated_cuda::set_thread_order(ThreadOrder::kAscending);
  EXPECT_EQ(emulated_cuda::launches() - before, 2);  // one a frame
}
#endif

}  // namespace
}  // namespace tubecam
