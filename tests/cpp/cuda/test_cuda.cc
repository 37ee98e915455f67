// Memory, streams and events of the device.
#include "support/cuda_fixture.h"

namespace tubecam {
namespace {

using Cuda = CudaTest;

TEST_F(Cuda, BuffersMoveAndGrow) {
  DeviceBuffer empty, small(100);
  EXPECT_EQ(empty.data(), nullptr);
  void* data = small.data();
  DeviceBuffer moved = std::move(small);
  EXPECT_EQ(moved.data(), data);
  moved.reserve(50);
  EXPECT_EQ(moved.data(), data);
  moved.reserve(5000);
  EXPECT_EQ(moved.bytes(), 5000u);
}

TEST_F(Cuda, CopiesRowsAndClears) {
  const std::vector<char> values = {1, 2, 3, 4, 5, 6};
  const DeviceBuffer from = to_device(values);
  DeviceBuffer to(8);
  const CudaStream stream;
  zero_async(to.data(), 8, stream.get());
  copy_rows_async(to.data(), 4, from.data(), 3, 2, 2, stream.get());
  stream.synchronize();
  EXPECT_EQ(to_host<char>(to.data(), 8), (std::vector<char>{1, 2, 0, 0, 4, 5, 0, 0}));
}

TEST_F(Cuda, EventsTellTheTime) {
  const CudaStream stream;
  CudaEvent begin(true), end(true);
  begin.record(stream.get());
  end.record(stream.get());
  end.block(stream.get());
  end.synchronize();
  EXPECT_TRUE(end.reached());
  EXPECT_GE(end.milliseconds_since(begin), 0);
}

TEST_F(Cuda, NamesWhatIsFreeWhenMemoryIsShort) {
  try {
    DeviceBuffer(size_t{1} << 45);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDevice);
    const std::string text = error.what();
    EXPECT_NE(text.find("33554432 MiB of device memory"), std::string::npos) << text;
    EXPECT_NE(text.find("MiB are free"), std::string::npos) << text;
  }
}

TEST_F(Cuda, RefusesADeviceThatIsNotThere) {
  try {
    require_cuda(999);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("cuda:999"), std::string::npos);
  }
}

TEST_F(Cuda, KnowsTheDevice) {
  EXPECT_GE(multiprocessors(), 1);
  EXPECT_GT(device_memory().total, 0u);
  EXPECT_NE(cuda_device_info(0).name[0], 0);
}

TEST_F(Cuda, TensorsComeAsFloat32) {
  for (const DType dtype : kFloats) {
    std::vector<float> values = random_values(1000, 4, -9, 9);
    const DeviceBuffer from = to_device(encode(values, dtype));
    const PinnedBuffer to(4000);
    const CudaStream stream;
    copy_as_float_async(to.as<float>(), {from.data(), dtype, {10, 100}, kGpu}, stream.get());
    stream.synchronize();
    EXPECT_EQ(std::vector<float>(to.as<float>(), to.as<float>() + 1000), values);
  }
}

TEST_F(Cuda, GraphsRepeatWhatWasRecorded) {
  const DeviceBuffer from = to_device(std::vector<int>{1, 2, 3}),
                     to = to_device(std::vector<int>(3));
  const CudaStream stream;
  CapturedGraph graph;
  EXPECT_EQ(
      graph.record(stream.get(), [&] { copy_async(to.data(), from.data(), 12, stream.get()); }),
      "");
  stream.synchronize();
  EXPECT_EQ(to_host<int>(to.data(), 3), (std::vector<int>{0, 0, 0}));  // nothing ran yet
  graph.launch(stream.get());
  stream.synchronize();
  EXPECT_EQ(to_host<int>(to.data(), 3), (std::vector<int>{1, 2, 3}));
}

TEST_F(Cuda, ARefusedCaptureLeavesTheStreamUsable) {
  const DeviceBuffer from = to_device(std::vector<int>{7}), to = to_device(std::vector<int>{0});
  const CudaStream stream;
  CapturedGraph graph;
  EXPECT_NE(graph.record(stream.get(), [&] { stream.synchronize(); }), "");
  EXPECT_FALSE(graph.ready());
  EXPECT_EQ(graph.record(stream.get(), [] { fail(ErrorCode::kEngine, "no"); }), "no");
  EXPECT_FALSE(graph.ready());
  EXPECT_THROW(graph.record(stream.get(), [] { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_FALSE(graph.ready());
  copy_async(to.data(), from.data(), 4, stream.get());
  stream.synchronize();
  EXPECT_EQ(to_host<int>(to.data(), 1)[0], 7);
}

// Not of the fixture: it is about machines without a GPU.
TEST(CudaWithoutGpu, SaysWhatIsMissing) {
  try {
    require_kernels(kGpu);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("driver"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace tubecam
