#include <ucontext.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "cuda_runtime.h"

dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace emulated_cuda {
namespace {

enum class State { kRunnable, kAtBlockBarrier, kAtWarpBarrier, kDone };

struct Fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  State state = State::kRunnable;
};

constexpr size_t kStack = 64 << 10;
constexpr unsigned kWarp = 32;

ThreadOrder thread_order = ThreadOrder::kAscending;
int launch_count = 0, failing = 0;
ucontext_t scheduler;
std::vector<Fiber> fibers;
std::vector<uint64_t> exchanged;
std::vector<uint64_t> shared;  // aligned
const std::function<void()>* body = nullptr;
unsigned current = 0;
std::mt19937 random_order(1);

[[noreturn]] void stop(const char* reason) {
  std::fprintf(stderr, "emulated CUDA: %s\n", reason);
  std::abort();
}

void enter() {
  (*body)();
  fibers[current].state = State::kDone;
  swapcontext(&fibers[current].context, &scheduler);
}

void wait(State state) {
  const unsigned self = current;
  fibers[self].state = state;
  swapcontext(&fibers[self].context, &scheduler);
}

void resume(unsigned thread) {
  current = thread;
  threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y,
               thread / blockDim.x / blockDim.y};
  swapcontext(&scheduler, &fibers[thread].context);
}

// Lets go the threads begin … end − 1 when all of them wait for one another.
bool release(unsigned begin, unsigned end, State state) {
  const auto first = fibers.begin() + begin, last = fibers.begin() + end;
  const auto waits = [&](const Fiber& fiber) { return fiber.state == state; };
  if (!std::all_of(first, last, waits)) return false;
  std::for_each(first, last, [](Fiber& fiber) { fiber.state = State::kRunnable; });
  return true;
}

std::vector<unsigned> order_of(unsigned count) {
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0u);
  if (thread_order == ThreadOrder::kDescending) std::reverse(order.begin(), order.end());
  if (thread_order == ThreadOrder::kShuffled)
    std::shuffle(order.begin(), order.end(), random_order);
  return order;
}

void prepare(Fiber& fiber) {
  fiber.state = State::kRunnable;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, enter, 0);
}

void run_block(unsigned count) {
  std::for_each_n(fibers.begin(), count, prepare);
  const std::vector<unsigned> order = order_of(count);
  for (;;) {
    for (const unsigned thread : order)
      if (fibers[thread].state == State::kRunnable) resume(thread);
    bool moved = release(0, count, State::kAtBlockBarrier);
    for (unsigned warp = 0; warp < count; warp += kWarp)
      moved |= release(warp, std::min(warp + kWarp, count), State::kAtWarpBarrier);
    if (moved) continue;
    for (unsigned i = 0; i < count; ++i)
      if (fibers[i].state != State::kDone)
        stop("threads wait at a barrier that others never reach");
    return;
  }
}

}  // namespace

void set_thread_order(ThreadOrder order) { thread_order = order; }
int launches() { return launch_count; }
void fail_launch(int n) { failing = n; }
int begin_launch() {
  ++launch_count;
  return failing > 0 && --failing == 0 ? cudaErrorIllegalAddress : cudaSuccess;
}
void block_barrier() { wait(State::kAtBlockBarrier); }
unsigned lane() { return current % kWarp; }
unsigned char* shared_memory() { return reinterpret_cast<unsigned char*>(shared.data()); }

uint64_t exchange(uint64_t value, unsigned from) {
  const unsigned warp = current / kWarp * kWarp;
  exchanged[current] = value;
  wait(State::kAtWarpBarrier);
  if (warp + from >= exchanged.size()) stop("a shuffle reads a lane that does not exist");
  const uint64_t result = exchanged[warp + from];
  wait(State::kAtWarpBarrier);
  return result;
}

void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& thread) {
  const unsigned count = block.x * block.y * block.z;
  if (count == 0 || count > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0)
    stop("a launch of an impossible size");
  if (grid.y > 65535 || grid.z > 65535) stop("a grid that is too large");
  if (shared_bytes > 48 << 10) stop("more shared memory than a launch has");
  while (fibers.size() < count) {
    fibers.emplace_back();
    fibers.back().stack.reset(new char[kStack]);
  }
  exchanged.assign(count, 0);
  gridDim = grid;
  blockDim = block;
  body = &thread;
  std::vector<unsigned> blocks = order_of(grid.x * grid.y * grid.z);
  for (const unsigned b : blocks) {
    // Exactly the bytes asked for, and nothing in them that could pass for a result.
    shared.assign((shared_bytes + 7) / 8, 0x7fc17fc17fc17fc1);
    shared.shrink_to_fit();
    blockIdx = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
    run_block(count);
  }
}

}  // namespace emulated_cuda

struct CUgraph_st {
  std::vector<std::function<void()>> work;
};
struct CUgraphExec_st : CUgraph_st {};

namespace {

CUgraph_st* capturing = nullptr;

double milliseconds_now() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

namespace emulated_cuda {

void submit(const std::function<void()>& work) {
  if (capturing)
    capturing->work.push_back(work);
  else
    work();
}

}  // namespace emulated_cuda

struct CUevent_st {
  double time = 0;
};

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "emulated failure";
}
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaErrorEmulated";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device ? cudaErrorInvalidDevice : cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  return *value = 3, cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  return *properties = {"emulated", 0, 0}, cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return *free = 3 << 20, *total = 4 << 20, cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (capturing) return cudaErrorStreamCaptureUnsupported;
  if (bytes >= size_t(1) << 40) return cudaErrorMemoryAllocation;
  if (posix_memalign(memory, 256, bytes)) return cudaErrorMemoryAllocation;
  return std::memset(*memory, 0xc1, bytes), cudaSuccess;
}
cudaError_t cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  return cudaMalloc(memory, bytes);
}
cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
  return emulated_cuda::submit([=] { std::memcpy(to, from, bytes); }), cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t bytes, size_t rows, cudaMemcpyKind, cudaStream_t) {
  emulated_cuda::submit([=] {
    for (size_t row = 0; row < rows; ++row) {
      std::memcpy(static_cast<char*>(to) + row * to_pitch,
                  static_cast<const char*>(from) + row * from_pitch, bytes);
    }
  });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  return emulated_cuda::submit([=] { std::memset(to, value, bytes); }), cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  return capturing = new CUgraph_st, cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = std::exchange(capturing, nullptr);
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long) {
  return *exec = new CUgraphExec_st{*graph}, cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
  for (const auto& work : exec->work) work();
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { return delete exec, cudaSuccess; }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = nullptr, cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return capturing ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = new CUevent_st, cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  return event->time = milliseconds_now(), cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return *milliseconds = float(end->time - begin->time), cudaSuccess;
}
