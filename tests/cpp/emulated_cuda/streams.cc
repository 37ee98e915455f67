// The part of the emulation that is about order: memory, streams, events, graphs.
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "cuda_runtime.h"

namespace {

using Work = std::function<void()>;

// A point in a stream's work.
struct Mark {
  CUstream_st* stream = nullptr;
  bool reached = false;
};

struct Item {
  Work work;
  std::shared_ptr<Mark> after, reaches;
};

}  // namespace

struct CUgraph_st {
  std::vector<Work> work;
};
struct CUgraphExec_st : CUgraph_st {};
struct CUstream_st {
  std::deque<Item> waiting;
  CUgraph_st* recording = nullptr;
};
struct CUevent_st {
  std::shared_ptr<Mark> mark;
  double time = 0;
};

namespace {

struct Allocation {
  size_t bytes;
  cudaMemoryType type;
};

// What the process has of CUDA. Threads take turns.
struct World {
  std::recursive_mutex mutex;
  emulated_cuda::WorkOrder order = emulated_cuda::WorkOrder::kAtOnce;
  std::mt19937 random{7};
  std::map<const char*, Allocation> memory;  // by its first byte
  CUstream_st default_stream;
  std::set<CUstream_st*> streams{&default_stream};
  int launches = 0, failing = 0, allocations = 0, waits = 0;
  bool lost = false;
};

World& world() {
  static World& world = *new World;
  return world;
}

thread_local CUstream_st* recording = nullptr;  // by this thread

class Turn {
 public:
  Turn() : lock_(world().mutex) {}

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

cudaError_t state() { return world().lost ? cudaErrorIllegalAddress : cudaSuccess; }

// CUDA's names of its default streams are no addresses.
CUstream_st* stream_of(cudaStream_t stream) {
  return reinterpret_cast<uintptr_t>(stream) <= 2 ? &world().default_stream : stream;
}

void reach(const Mark& mark);

void step(CUstream_st* stream) {
  const Item item = std::move(stream->waiting.front());
  stream->waiting.pop_front();
  if (item.after) reach(*item.after);
  if (item.work) item.work();
  if (item.reaches) item.reaches->reached = true;
}

void reach(const Mark& mark) {
  while (!mark.reached) step(mark.stream);
}

void finish(CUstream_st* stream) {
  while (!stream->waiting.empty()) step(stream);
}

void finish_all() {
  for (CUstream_st* stream : world().streams) finish(stream);
}

void step_at_random() {
  std::vector<CUstream_st*> busy;
  for (CUstream_st* stream : world().streams)
    if (!stream->waiting.empty()) busy.push_back(stream);
  if (!busy.empty()) step(busy[world().random() % busy.size()]);
}

void put(CUstream_st* stream, Item item) {
  using emulated_cuda::WorkOrder;
  stream->waiting.push_back(std::move(item));
  if (world().order == WorkOrder::kAtOnce) finish(stream);
  if (world().order != WorkOrder::kRandom) return;
  for (unsigned steps = world().random() % 3; steps > 0; --steps) step_at_random();
}

const Allocation* allocation_of(const void* pointer) {
  const auto* byte = static_cast<const char*>(pointer);
  auto place = world().memory.upper_bound(byte);
  if (place == world().memory.begin()) return nullptr;
  --place;
  return byte < place->first + place->second.bytes ? &place->second : nullptr;
}

cudaError_t allocate(void** memory, size_t bytes, cudaMemoryType type) {
  const Turn turn;
  if (recording) return cudaErrorStreamCaptureUnsupported;
  if (world().lost) return state();
  ++world().allocations;
  if (bytes >= size_t(1) << 40) return cudaErrorMemoryAllocation;
  if (posix_memalign(memory, 256, bytes)) return cudaErrorMemoryAllocation;
  std::memset(*memory, 0xc1, bytes);
  world().memory[static_cast<char*>(*memory)] = {bytes, type};
  return cudaSuccess;
}

cudaError_t release(void* memory) {
  const Turn turn;
  finish_all();
  world().memory.erase(static_cast<char*>(memory));
  std::free(memory);
  return state();
}

// From memory that is not page-locked CUDA takes what is there now; into it nothing is late.
cudaError_t copy(void* to, const void* from, size_t span, CUstream_st* stream, const Work& work) {
  if (world().lost) return state();
  const bool pageable = span > 0 && (!allocation_of(to) || !allocation_of(from));
  if (pageable && stream->recording) return cudaErrorStreamCaptureUnsupported;
  emulated_cuda::submit(stream, work);
  if (pageable) {
    ++world().waits;
    finish(stream);
  }
  return cudaSuccess;
}

double milliseconds_now() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

namespace emulated_cuda {

int launches() { return world().launches; }
int allocations() { return world().allocations; }
int waits() { return world().waits; }
void fail_launch(int n) { world().failing = n; }
void lose_device(bool lost) { world().lost = lost; }
int begin_launch() {
  const Turn turn;
  ++world().launches;
  if (world().lost) return state();
  return world().failing > 0 && --world().failing == 0 ? cudaErrorIllegalAddress : cudaSuccess;
}
void set_work_order(WorkOrder order) {
  const Turn turn;
  finish_all();
  world().order = order;
}
void submit(CUstream_st* stream, const Work& work) {
  const Turn turn;
  stream = stream_of(stream);
  if (stream->recording)
    stream->recording->work.push_back(work);
  else
    put(stream, {work, nullptr, nullptr});
}

}  // namespace emulated_cuda

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
cudaError_t cudaSetDevice(int device) { return device ? cudaErrorInvalidDevice : state(); }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) { return *value = 3, state(); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  return *properties = {"emulated", 0, 0}, state();
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return *free = 3 << 20, *total = 4 << 20, cudaSuccess;
}

// ---- memory ----

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  const Turn turn;
  const Allocation* found = allocation_of(pointer);
  *attributes = {found ? found->type : cudaMemoryTypeUnregistered, 0};
  return state();
}
cudaError_t cudaMalloc(void** memory, size_t bytes) {
  return allocate(memory, bytes, cudaMemoryTypeDevice);
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  return allocate(memory, bytes, cudaMemoryTypeHost);
}
cudaError_t cudaFree(void* memory) { return release(memory); }
cudaError_t cudaFreeHost(void* memory) { return release(memory); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  const Turn turn;
  return copy(to, from, bytes, stream_of(stream), [=] { std::memcpy(to, from, bytes); });
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t bytes, size_t rows, cudaMemcpyKind, cudaStream_t stream) {
  const Turn turn;
  return copy(to, from, bytes * rows, stream_of(stream), [=] {
    for (size_t row = 0; row < rows; ++row) {
      std::memcpy(static_cast<char*>(to) + row * to_pitch,
                  static_cast<const char*>(from) + row * from_pitch, bytes);
    }
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (state() != cudaSuccess) return state();
  return emulated_cuda::submit(stream, [=] { std::memset(to, value, bytes); }), cudaSuccess;
}

// ---- graphs ----

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Turn turn;
  if (world().lost) return state();
  recording = stream_of(stream);
  recording->recording = new CUgraph_st;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Turn turn;
  *graph = std::exchange(stream_of(stream)->recording, nullptr);
  recording = nullptr;
  return state();
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long) {
  return *exec = new CUgraphExec_st{*graph}, cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Turn turn;
  if (world().lost) return state();
  for (const Work& work : exec->work) emulated_cuda::submit(stream, work);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const Turn turn;
  finish_all();
  return delete exec, cudaSuccess;
}

// ---- streams and events ----

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Turn turn;
  if (world().lost) return state();
  *stream = new CUstream_st;
  world().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Turn turn;
  finish(stream);
  world().streams.erase(stream);
  return delete stream, state();
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Turn turn;
  if (stream_of(stream)->recording) return cudaErrorStreamCaptureUnsupported;
  ++world().waits;
  return finish(stream_of(stream)), state();
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Turn turn;
  if (world().lost) return state();
  if (event->mark) put(stream_of(stream), {nullptr, event->mark, nullptr});
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (world().lost) return state();
  return *event = new CUevent_st, cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, state(); }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Turn turn;
  if (world().lost) return state();
  event->time = milliseconds_now();
  event->mark = std::make_shared<Mark>();
  event->mark->stream = stream_of(stream);
  put(event->mark->stream, {nullptr, nullptr, event->mark});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Turn turn;
  ++world().waits;
  if (event->mark) reach(*event->mark);
  return state();
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Turn turn;
  if (world().lost) return state();
  return !event->mark || event->mark->reached ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return *milliseconds = float(end->time - begin->time), cudaSuccess;
}
