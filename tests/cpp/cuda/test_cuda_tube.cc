// CUDA's tube sampling against the CPU's.
#include "explain/tube/tube_cuda.h"
#include "support/cuda_fixture.h"

namespace tubecam {
namespace {

using CudaTube = CudaTest;

struct Tube {
  std::vector<float> values = random_values(3 * 5 * 7, 1, -1, 1);
  DeviceBuffer device = to_device(values);
  TubeView here{values.data(), 3, 5, 7, {4, 16, 16}, {1.5, 7.5, 7.5}};
  TubeView there = [this] {
    TubeView view = here;
    view.values = device.as<float>();
    return view;
  }();
};

TEST_F(CudaTube, PlanesAgreeWithTheCpu) {
  const Tube tube;
  const CudaStream stream;
  const DeviceBuffer plane(35 * sizeof(float));
  for (const double slice : {-3.0, 0.0, 1.5, 4.4, 5.5, 9.5, 100.0}) {
    std::vector<float> expected(35);
    tube_plane(tube.here, slice, expected.data());
    launch_tube_plane(tube.there, slice, plane.as<float>(), stream.get());
    stream.synchronize();
    const auto got = to_host<float>(plane.data(), 35);
    for (size_t i = 0; i < 35; ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << slice;
  }
}

TEST_F(CudaTube, SamplesAgreeWithTheCpu) {
  const Tube tube;
  const auto points = random_values(3 * 500, 2, -20, 130);
  const DeviceBuffer device = to_device(points), values(500 * sizeof(float));
  const CudaStream stream;
  launch_sample_tube(tube.there, device.as<float>(), 500, values.as<float>(), stream.get());
  launch_sample_tube(tube.there, device.as<float>(), 0, values.as<float>(), stream.get());
  stream.synchronize();
  const auto got = to_host<float>(values.data(), 500);
  for (size_t i = 0; i < 500; ++i) {
    const float expected =
        sample_tube(tube.here, points[3 * i], points[3 * i + 1], points[3 * i + 2]);
    EXPECT_NEAR(got[i], expected, 1e-6) << i;
  }
}

TEST_F(CudaTube, RefusesAnEmptyTube) {
  const DeviceBuffer memory(64);
  EXPECT_THROW(launch_tube_plane({}, 0, memory.as<float>(), nullptr), Error);
}

}  // namespace
}  // namespace tubecam
