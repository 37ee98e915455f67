#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
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
