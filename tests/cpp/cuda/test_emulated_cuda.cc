// The emulation that kernels are tested under: it must notice what it is there to notice.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/cuda/kernel.cuh"

namespace tubecam {
namespace {

using emulated_cuda::ThreadOrder;

struct Numbers {
  int* out;
};

void reverse_kernel(Numbers p) {
  int* values = reinterpret_cast<int*>(shared_memory());
  values[threadIdx.x] = int(threadIdx.x);
  __syncthreads();
  p.out[blockIdx.x * blockDim.x + threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

void racing_kernel(Numbers p) {  // the barrier is missing
  int* values = reinterpret_cast<int*>(shared_memory());
  values[threadIdx.x] = int(threadIdx.x);
  p.out[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

void sum_kernel(Numbers p) { p.out[threadIdx.x] = warp_sum(int(threadIdx.x)); }

void stuck_kernel(Numbers) {
  if (threadIdx.x < 5) __syncthreads();
}

std::vector<int> run(void (*kernel)(Numbers), unsigned blocks, unsigned threads) {
  std::vector<int> out(size_t(blocks) * threads);
  launch("in a test", kernel, blocks, threads, threads * sizeof(int), nullptr, Numbers{out.data()});
  return out;
}

TEST(EmulatedCuda, ThreadsMeetAtBarriers) {
  const auto out = run(reverse_kernel, 3, 70);
  for (int i = 0; i < 210; ++i) EXPECT_EQ(out[size_t(i)], 69 - i % 70);
}

TEST(EmulatedCuda, WarpsShuffle) {
  const auto out = run(sum_kernel, 1, 64);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(out[size_t(i)], i < 32 ? 496 : 1520);
}

TEST(EmulatedCuda, AMissingBarrierShows) {
  const auto ascending = run(racing_kernel, 1, 64);
  emulated_cuda::set_thread_order(ThreadOrder::kDescending);
  const auto descending = run(racing_kernel, 1, 64);
  emulated_cuda::set_thread_order(ThreadOrder::kAscending);
  EXPECT_NE(ascending, descending);
}

TEST(EmulatedCuda, AMissingEventShows) {
  for (const bool waits : {false, true}) {
    emulated_cuda::set_work_order(emulated_cuda::WorkOrder::kLate);
    const PinnedBuffer from(4), middle(4), to(4);
    from.as<int>()[0] = 7;
    const CudaStream writer, reader;
    CudaEvent written;
    copy_async(middle.data(), from.data(), 4, writer.get());
    written.record(writer.get());
    EXPECT_FALSE(written.reached());
    if (waits) written.block(reader.get());
    copy_async(to.data(), middle.data(), 4, reader.get());
    reader.synchronize();
    EXPECT_EQ(to.as<int>()[0] == 7, waits);
    emulated_cuda::set_work_order(emulated_cuda::WorkOrder::kAtOnce);
  }
}

TEST(EmulatedCuda, PageableMemoryIsReadAtOnceAndPageLockedMemoryLate) {
  emulated_cuda::set_work_order(emulated_cuda::WorkOrder::kLate);
  const DeviceBuffer there(4);
  const PinnedBuffer pinned(4), seen(4);
  const CudaStream stream;
  int pageable = 1;
  copy_async(there.data(), &pageable, 4, stream.get());
  pageable = 2;
  copy_async(seen.data(), there.data(), 4, stream.get());
  stream.synchronize();
  EXPECT_EQ(seen.as<int>()[0], 1);
  pinned.as<int>()[0] = 3;
  copy_async(seen.data(), pinned.data(), 4, stream.get());
  pinned.as<int>()[0] = 4;  // too early
  stream.synchronize();
  EXPECT_EQ(seen.as<int>()[0], 4);
  emulated_cuda::set_work_order(emulated_cuda::WorkOrder::kAtOnce);
}

TEST(EmulatedCudaDeathTest, ABarrierThatSomeNeverReachStops) {
  EXPECT_DEATH(run(stuck_kernel, 1, 32), "others never reach");
}

TEST(EmulatedCuda, FailedLaunchesAreErrors) {
  emulated_cuda::fail_launch(1);
  try {
    run(sum_kernel, 1, 32);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDevice);
    EXPECT_NE(std::string(error.what()).find("lost"), std::string::npos);
  }
}

TEST(EmulatedCuda, HalvesComeBack) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float half = __half2float({uint16_t(bits)}), brain = __bfloat162float({uint16_t(bits)});
    EXPECT_TRUE(std::isnan(half) || __float2half_rn(half).bits == bits) << bits;
    EXPECT_TRUE(std::isnan(brain) || __float2bfloat16_rn(brain).bits == bits) << bits;
  }
  EXPECT_EQ(__half2float(__float2half_rn(1 + 1 / 2048.0f)), 1);  // ties to even
  EXPECT_EQ(__half2float(__float2half_rn(1 + 3 / 2048.0f)), 1 + 2 / 1024.0f);
  EXPECT_EQ(__half2float(__float2half_rn(65519)), 65504);
  EXPECT_TRUE(std::isinf(__half2float(__float2half_rn(65520))));
}

}  // namespace
}  // namespace tubecam
