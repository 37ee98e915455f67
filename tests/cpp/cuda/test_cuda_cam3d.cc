// CUDA's cam3d against the CPU's, which Python's tests compare with the NumPy definition.
#include <algorithm>
#include <cmath>

#include "explain/methods/cam3d_cuda.h"
#include "explain/tube/tube.h"
#include "support/cuda_fixture.h"

#ifdef TUBECAM_EMULATED_CUDA
#include "cuda_runtime.h"
#endif

namespace tubecam {
namespace {

using CudaCam3d = CudaTest;

constexpr CamMethod kMethods[] = {
    CamMethod::kGradCam,  CamMethod::kCam,      CamMethod::kGradCamFrame,
    CamMethod::kHiResCam, CamMethod::kLayerCam, CamMethod::kGradCamPlusPlus,
    CamMethod::kXGradCam,
};

struct Case {
  CamJob job;
  DType dtype;
  bool closed;
  std::vector<float> activation, gradient, weight;  // as their precision holds them

  Case(CamMethod method, DType dtype, bool closed, std::array<int, 4> shape, int batch)
      : dtype(dtype), closed(closed) {
    job = {method, batch, shape[0], shape[1], shape[2], shape[3], 3 * shape[1] + 1, 2.5, 1.25};
    const size_t count = size_t(batch) * shape[0] * cells();
    activation = random_values(count, 1, 0, 3);
    gradient = random_values(count, 2, -1, 1);
    weight = random_values(size_t(batch) * shape[0], 3, -1, 1);
  }
  size_t cells() const { return size_t(job.t) * job.h * job.w; }

  // [N] of packed results.
  std::vector<char> run() {
    const DeviceBuffer a = to_device(encode(activation, dtype)),
                       g = to_device(encode(gradient, dtype)), w = to_device(encode(weight, dtype));
    DeviceBuffer results(cam_result_bytes(job) * job.batch), workspace(cam_workspace_bytes(job));
    const CudaStream stream;
    prepare_cam_workspace(workspace.data(), job, stream.get());
    CamTensors tensors{a.data(), g.data(), nullptr, dtype, dtype};
    if (closed) tensors = {a.data(), nullptr, w.data(), dtype, dtype};
    std::vector<char> first;
    for (int repeat = 0; repeat < 2; ++repeat) {  // the workspace is left as it was
      launch_cam3d(job, tensors, results.data(), workspace.data(), stream.get());
      stream.synchronize();
      const auto bytes = to_host<char>(results.data(), results.bytes());
      if (repeat == 0) first = bytes;
      EXPECT_EQ(first, bytes) << "not deterministic";
    }
    return first;
  }

  CamInput input(int clip) const {
    const size_t start = size_t(clip) * job.channels * cells();
    return {activation.data() + start,
            closed ? weight.data() + size_t(clip) * job.channels : nullptr,
            closed ? nullptr : gradient.data() + start,
            job.channels,
            job.t,
            job.h,
            job.w};
  }

  // Σ_k |w_k A_k| at most, from the absolute terms: what rounding is relative to.
  double scale(int clip) const {
    std::vector<float> size = gradient;
    for (float& value : size) value = std::fabs(value);
    std::vector<float> weights = weight;
    for (float& value : weights) value = std::fabs(value);
    CamInput in = input(clip);
    if (closed) in.weight = weights.data() + size_t(clip) * job.channels;
    if (!closed) in.gradient = size.data() + size_t(clip) * job.channels * cells();
    std::vector<float> tube(cells());
    return cam3d(in, job.method, tube.data()).max;
  }
};

void expect_same(Case& c) {
  const std::vector<char> results = c.run();
  for (int clip = 0; clip < c.job.batch; ++clip) {
    const char* result = results.data() + clip * cam_result_bytes(c.job);
    std::vector<float> tube(c.cells()), curve(size_t(c.job.curve_length));
    const CamStats expected = cam3d(c.input(clip), c.job.method, tube.data());
    const TubeView view{tube.data(),
                        c.job.t,
                        c.job.h,
                        c.job.w,
                        {c.job.time_stride, 1, 1},
                        {c.job.time_offset, 0, 0}};
    temporal_curve(view, c.job.curve_length, curve.data());
    const CamStats stats = cam_result_stats(result);
    const double tolerance = 4e-6 * c.scale(clip) + 1e-12, cells = double(c.cells());
    EXPECT_TRUE(stats.finite);
    EXPECT_NEAR(stats.min, expected.min, tolerance);
    EXPECT_NEAR(stats.max, expected.max, tolerance);
    EXPECT_NEAR(stats.sum, expected.sum, tolerance * cells);
    for (size_t i = 0; i < c.cells(); ++i)
      ASSERT_NEAR(cam_result_tube(c.job, result)[i], tube[i], tolerance) << i;
    EXPECT_EQ(cam_result_tube(c.job, result)[stats.peak], stats.max);
    for (int i = 0; i < stats.peak; ++i)
      ASSERT_LT(cam_result_tube(c.job, result)[i], stats.max) << "not the first maximum";
    for (int i = 0; i < c.job.curve_length; ++i)
      ASSERT_NEAR(cam_result_curve(result)[i], curve[size_t(i)], tolerance * cells / c.job.t) << i;
  }
}

// Whole vectors of four and two, none; one block and many; fewer cells than threads, and more.
constexpr std::array<int, 4> kShapes[] = {
    {40, 8, 7, 7}, {37, 2, 7, 7}, {70, 3, 5, 7}, {1, 1, 1, 1}, {9, 16, 14, 14}, {3, 5, 1, 33},
};

TEST_F(CudaCam3d, AgreesWithTheCpu) {
  for (const CamMethod method : kMethods) {
    for (const DType dtype : kFloats) {
      for (const bool closed : {false, true}) {
        if (!closed && method == CamMethod::kCam) continue;
        for (const auto& shape : kShapes) {
          SCOPED_TRACE(std::string(to_string(method)) + (closed ? " closed " : " pooled ") +
                       std::to_string(int(dtype)) + " " + std::to_string(shape[0]));
          Case c(method, dtype, closed, shape, shape[0] > 50 ? 1 : 2);
          expect_same(c);
        }
      }
    }
  }
}

TEST_F(CudaCam3d, AddsTheWholeOfALargeLayer) {
  Case c(CamMethod::kGradCam, DType::kFloat16, false, {1024, 8, 7, 7}, 1);
  expect_same(c);
}

TEST_F(CudaCam3d, NoticesWhatIsNotFinite) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const CamMethod method : kMethods) {
      for (const bool closed : {false, true}) {
        if (!closed && method == CamMethod::kCam) continue;
        for (const int place : {0, 1}) {  // activation; gradient or weight
          Case c(method, DType::kFloat16, closed, {20, 2, 3, 4}, 2);
          auto& values = place == 0 ? c.activation : closed ? c.weight : c.gradient;
          values[values.size() - 3] = bad;  // of the second clip
          const std::vector<char> results = c.run();
          EXPECT_TRUE(cam_result_head(results.data()).finite);
          const char* second = results.data() + cam_result_bytes(c.job);
          const CamStats stats = cam_result_stats(second);
          EXPECT_FALSE(stats.finite) << to_string(method) << closed << place << bad;
          EXPECT_EQ(stats.sum, 0);
          EXPECT_EQ(stats.max, 0);
          for (size_t i = 0; i < c.cells(); ++i) EXPECT_EQ(cam_result_tube(c.job, second)[i], 0);
          EXPECT_EQ(cam_result_curve(second)[0], 0);
        }
      }
    }
  }
}

TEST_F(CudaCam3d, FindsTheFirstOfEqualMaxima) {
  Case c(CamMethod::kCam, DType::kFloat32, true, {8, 4, 9, 9}, 1);
  std::fill(c.activation.begin(), c.activation.end(), 1.0f);
  std::fill(c.weight.begin(), c.weight.end(), 0.5f * float(c.cells()));
  const std::vector<char> results = c.run();
  EXPECT_EQ(cam_result_stats(results.data()).peak, 0);
  EXPECT_EQ(cam_result_stats(results.data()).max, 4);
}

TEST_F(CudaCam3d, TakesTensorsOfAnyAlignment) {
  Case c(CamMethod::kGradCam, DType::kFloat16, true, {5, 2, 4, 4}, 1);
  auto bytes = encode(c.activation, c.dtype);
  bytes.insert(bytes.begin(), 2, 0);  // one element
  const DeviceBuffer a = to_device(bytes), w = to_device(encode(c.weight, c.dtype));
  const DeviceBuffer results(cam_result_bytes(c.job)), workspace(cam_workspace_bytes(c.job));
  const CudaStream stream;
  prepare_cam_workspace(workspace.data(), c.job, stream.get());
  launch_cam3d(c.job, {a.as<char>() + 2, nullptr, w.data(), c.dtype, c.dtype}, results.data(),
               workspace.data(), stream.get());
  stream.synchronize();
  const auto host = to_host<char>(results.data(), results.bytes());
  std::vector<float> tube(c.cells());
  EXPECT_NEAR(cam_result_stats(host.data()).max, cam3d(c.input(0), c.job.method, tube.data()).max,
              1e-5);
}

TEST_F(CudaCam3d, CopiesRelevanceThatAGraphFound) {
  CamJob job;
  job.batch = 2, job.t = 4, job.h = 5, job.w = 6, job.curve_length = 4;
  std::vector<float> values = random_values(240, 5, -1, 1);
  for (const DType dtype : kFloats) {
    const DeviceBuffer relevance = to_device(encode(values, dtype));
    DeviceBuffer results(2 * cam_result_bytes(job)), workspace(cam_workspace_bytes(job));
    const CudaStream stream;
    prepare_cam_workspace(workspace.data(), job, stream.get());
    launch_relevance(job, relevance.data(), dtype, results.data(), workspace.data(), stream.get());
    stream.synchronize();
    const auto host = to_host<char>(results.data(), results.bytes());
    for (int clip = 0; clip < 2; ++clip) {
      const char* result = host.data() + clip * cam_result_bytes(job);
      std::vector<float> tube(120);
      const CamStats expected = copy_relevance(values.data() + 120 * clip, 4, 5, 6, tube.data());
      const CamStats stats = cam_result_stats(result);
      EXPECT_EQ(
          std::vector<float>(cam_result_tube(job, result), cam_result_tube(job, result) + 120),
          tube);
      EXPECT_EQ(stats.min, expected.min);
      EXPECT_EQ(stats.max, expected.max);
      EXPECT_EQ(stats.peak, expected.peak);
      EXPECT_NEAR(stats.sum, expected.sum, 1e-9);
    }
  }
}

TEST_F(CudaCam3d, TheDoorTakesSystemMemory) {
  Case c(CamMethod::kLayerCam, DType::kFloat32, false, {6, 3, 4, 5}, 1);
  std::vector<float> here(c.cells()), there(c.cells());
  const CamStats expected = cam3d(c.input(0), c.job.method, here.data());
  const CamStats stats = cam3d(c.input(0), c.job.method, there.data(), kGpu);
  EXPECT_EQ(stats.peak, expected.peak);
  EXPECT_NEAR(stats.sum, expected.sum, 1e-4);
  for (size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(there[i], here[i], 1e-5);
}

TEST_F(CudaCam3d, RefusesWhatItCannotCompute) {
  const Case c(CamMethod::kGradCam, DType::kFloat32, false, {2, 2, 2, 2}, 1);
  const DeviceBuffer memory(1 << 16);
  void* const data = memory.data();
  const auto code_of = [&](const CamJob& job, const CamTensors& tensors) {
    try {
      launch_cam3d(job, tensors, data, data, nullptr);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kDevice;
  };
  CamJob job = c.job;
  EXPECT_EQ(code_of(job, {}), ErrorCode::kUsage);
  EXPECT_EQ(code_of(job, {data, data, nullptr, DType::kInt64}), ErrorCode::kUsage);
  job.method = CamMethod::kCam;
  EXPECT_EQ(code_of(job, {data, data}), ErrorCode::kUsage);
  job = c.job;
  for (int* field : {&job.batch, &job.channels, &job.t, &job.h, &job.w}) {
    const int good = *field;
    for (const int bad : {0, -1, 1 << 30}) {
      if (field == &job.channels && bad > 0) continue;
      *field = bad;
      EXPECT_EQ(code_of(job, {data, data}), ErrorCode::kUsage) << bad;
    }
    *field = good;
  }
}

#ifdef TUBECAM_EMULATED_CUDA
// A missing barrier shows as a result that depends on which thread runs first.
TEST_F(CudaCam3d, ResultsDoNotDependOnTheOrderOfThreads) {
  using emulated_cuda::ThreadOrder;
  for (const CamMethod method : kMethods) {
    Case c(method, DType::kFloat16, method == CamMethod::kCam, {40, 4, 7, 7}, 2);
    const std::vector<char> ascending = c.run();
    for (const ThreadOrder order : {ThreadOrder::kDescending, ThreadOrder::kShuffled}) {
      emulated_cuda::set_thread_order(order);
      EXPECT_EQ(c.run(), ascending) << to_string(method);
    }
    emulated_cuda::set_thread_order(ThreadOrder::kAscending);
  }
}

TEST_F(CudaCam3d, IsOneLaunch) {
  Case c(CamMethod::kGradCam, DType::kFloat16, false, {64, 4, 7, 7}, 3);
  const int before = emulated_cuda::launches();
  c.run();
  EXPECT_EQ(emulated_cuda::launches() - before, 2);  // run() repeats it
}
#endif

}  // namespace
}  // namespace tubecam
