// CUDA's preprocess against the CPU's, which Python's tests compare with the NumPy definition.
#include <cmath>

#include "clip/frame/frame_cuda.h"
#include "clip/preprocess/preprocess.h"
#include "clip/preprocess/preprocess_cuda.h"
#include "support/cuda_fixture.h"
#include "support/picture.h"

namespace tubecam {
namespace {

using CudaPreprocess = CudaTest;

ClipSpec spec_of(ResizeRule rule, int height, int width) {
  ClipSpec spec;
  spec.resize = rule;
  spec.height = height;
  spec.width = width;
  spec.mean = {0.4f, 0.5f, 0.3f};
  spec.std = {0.2f, 0.25f, 0.3f};
  return spec;
}

std::vector<float> on_cpu(const Frame& frame, const Rect& source, const ClipSpec& spec) {
  std::vector<float> slice(size_t(3) * size_t(spec.height) * size_t(spec.width));
  preprocess(frame, source, spec, slice.data());
  return slice;
}

std::vector<float> on_gpu(CudaPreprocessor& preprocessor, const Frame& frame, const Rect& source,
                          const ClipSpec& spec, DType dtype) {
  const CudaStream stream;
  DeviceFrame there;
  const size_t count = size_t(3) * size_t(spec.height) * size_t(spec.width);
  const DeviceBuffer slice(count * (dtype == DType::kFloat32 ? 4 : 2));
  preprocessor.run(there.upload(frame, stream.get()), source, slice.data(), dtype, stream.get());
  stream.synchronize();
  return decode(to_host<char>(slice.data(), slice.bytes()), dtype);
}

// Shrinking and enlarging, one pixel, long and thin.
constexpr std::pair<int, int> kSizes[] = {{1, 1},    {2, 3},    {31, 17}, {200, 113},
                                          {1, 2000}, {2001, 2}, {33, 640}};

TEST_F(CudaPreprocess, AgreesWithTheCpu) {
  unsigned seed = 0;
  for (const PixelFormat format : kPixelFormats) {
    for (const ResizeRule rule : {ResizeRule::kCrop, ResizeRule::kStretch, ResizeRule::kPad}) {
      for (const auto& [width, height] : kSizes) {
        AnyPicture picture(format, width, height, 7, ++seed);
        picture.frame.full_range = seed % 2;
        picture.frame.matrix = seed % 3 ? YuvMatrix::kBt709 : YuvMatrix::kBt601;
        ClipSpec spec = spec_of(rule, 20, 37);
        if (seed % 5 == 0) spec.color = ColorOrder::kBgr;
        const Rect source = spec.source_rect(width, height);
        CudaPreprocessor preprocessor(spec);
        const auto expected = on_cpu(picture.frame, source, spec);
        const auto got = on_gpu(preprocessor, picture.frame, source, spec, DType::kFloat32);
        for (size_t i = 0; i < got.size(); ++i)
          ASSERT_NEAR(got[i], expected[i], 2e-5) << to_string(format) << width << "x" << height;
      }
    }
  }
}

TEST_F(CudaPreprocess, WritesTheEnginesPrecision) {
  const AnyPicture picture(PixelFormat::kNV12, 90, 60, 0, 1);
  const ClipSpec spec = spec_of(ResizeRule::kStretch, 16, 16);
  const Rect source = spec.source_rect(90, 60);
  CudaPreprocessor preprocessor(spec);
  auto expected = on_cpu(picture.frame, source, spec);
  for (const DType dtype : kFloats) {
    const auto got = on_gpu(preprocessor, picture.frame, source, spec, dtype);
    const float step = dtype == DType::kFloat32 ? 1e-5f : dtype == DType::kFloat16 ? 1e-3f : 8e-3f;
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], expected[i], step * (1 + std::fabs(expected[i])));
  }
}

TEST_F(CudaPreprocess, NoticesAnotherFrame) {
  const ClipSpec spec = spec_of(ResizeRule::kPad, 12, 12);
  CudaPreprocessor preprocessor(spec);
  for (const auto& [width, height] : {std::pair{64, 48}, {64, 48}, {48, 64}, {64, 48}}) {
    for (const PixelFormat format : {PixelFormat::kNV12, PixelFormat::kRGBA}) {
      const AnyPicture picture(format, width, height, 0, 5);
      for (const Rect source : {spec.source_rect(width, height), Rect{3, 4, 20, 20.5}}) {
        const auto expected = on_cpu(picture.frame, source, spec);
        const auto got = on_gpu(preprocessor, picture.frame, source, spec, DType::kFloat32);
        for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-5);
      }
    }
  }
}

TEST_F(CudaPreprocess, TheDoorTakesSystemMemory) {
  const AnyPicture picture(PixelFormat::kI420, 75, 51, 3, 9);
  const ClipSpec spec = spec_of(ResizeRule::kCrop, 24, 24);
  const Rect source = spec.source_rect(75, 51);
  std::vector<float> slice(3 * 24 * 24);
  preprocess(picture.frame, source, spec, slice.data(), kGpu);
  const auto expected = on_cpu(picture.frame, source, spec);
  for (size_t i = 0; i < slice.size(); ++i) EXPECT_NEAR(slice[i], expected[i], 2e-5);
}

TEST_F(CudaPreprocess, RefusesWhatItCannotRead) {
  const ClipSpec spec = spec_of(ResizeRule::kCrop, 8, 8);
  CudaPreprocessor preprocessor(spec);
  const AnyPicture picture(PixelFormat::kRGB, 16, 16, 0, 1);
  const DeviceBuffer slice(3 * 64 * 4);
  const auto refuses = [&](const Frame& frame, const Rect& source, void* out, DType dtype) {
    try {
      preprocessor.run(frame, source, out, dtype, nullptr);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUsage;
    }
    return false;
  };
  const Rect whole{0, 0, 16, 16};
  EXPECT_TRUE(refuses({}, whole, slice.data(), DType::kFloat32));
  EXPECT_TRUE(refuses(picture.frame, {0, 0, -1, 16}, slice.data(), DType::kFloat32));
  EXPECT_TRUE(refuses(picture.frame, whole, nullptr, DType::kFloat32));
  EXPECT_TRUE(refuses(picture.frame, whole, slice.data(), DType::kInt64));
}

TEST_F(CudaPreprocess, FramesComeBackAsTheyWent) {
  for (const PixelFormat format : kPixelFormats) {
    AnyPicture picture(format, 37, 21, 5, 3), other(format, 37, 21, 5, 4);
    const AnyPicture padding = other;
    const CudaStream stream;
    DeviceFrame there;
    const Frame& frame = there.upload(picture.frame, stream.get());
    for (int i = 0; i < num_planes(format); ++i) EXPECT_EQ(frame.stride[size_t(i)] % 256, 0);
    there.download(other.frame, stream.get());
    stream.synchronize();
    for (int i = 0; i < num_planes(format); ++i) {
      const PlaneLayout layout = plane_layout(format, 37, 21, i);
      const size_t row = size_t(layout.width) * size_t(layout.channels);
      for (size_t at = 0; at < other.planes[i].size(); ++at) {
        const bool inside = at % size_t(frame.stride[size_t(i)] ? row + 5 : 1) < row;
        ASSERT_EQ(other.planes[i][at], (inside ? picture : padding).planes[i][at]);
      }
    }
  }
}

TEST_F(CudaPreprocess, TheRingComesInTheOrderOfTime) {
  for (const size_t values : {24u, 25u}) {  // whole vectors and not
    const int length = 5;
    std::vector<uint16_t> ring(values * length);
    for (size_t i = 0; i < ring.size(); ++i) ring[i] = uint16_t(i);
    const DeviceBuffer from = to_device(ring), to(ring.size() * 2);
    for (int oldest = 0; oldest < length; ++oldest) {
      const DeviceBuffer start = to_device(std::vector<int32_t>{oldest});
      const CudaStream stream;
      unroll_ring(from.data(), values * 2, length, start.as<int32_t>(), to.data(), stream.get());
      stream.synchronize();
      const auto clip = to_host<uint16_t>(to.data(), ring.size());
      for (size_t i = 0; i < clip.size(); ++i)
        ASSERT_EQ(clip[i], (i + size_t(oldest) * values) % ring.size());
    }
  }
  EXPECT_THROW(unroll_ring(nullptr, 2, 1, nullptr, nullptr, nullptr), Error);
}

}  // namespace
}  // namespace tubecam
