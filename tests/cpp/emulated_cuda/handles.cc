// What Python's tests need of the emulation, by names that ctypes finds.
#include "cuda_runtime.h"

extern "C" {

void* emulated_malloc(size_t bytes) {
  void* memory = nullptr;
  return cudaMalloc(&memory, bytes) == cudaSuccess ? memory : nullptr;
}
void emulated_free(void* memory) { cudaFree(memory); }
void* emulated_malloc_host(size_t bytes) {
  void* memory = nullptr;
  return cudaHostAlloc(&memory, bytes, cudaHostAllocDefault) == cudaSuccess ? memory : nullptr;
}
void* emulated_stream() {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  return stream;
}
void emulated_copy(void* to, const void* from, size_t bytes, void* stream) {
  cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, static_cast<cudaStream_t>(stream));
}
void emulated_wait(void* stream) { cudaStreamSynchronize(static_cast<cudaStream_t>(stream)); }
// `reader` waits for what `writer` was given so far.
void emulated_order(void* writer, void* reader) {
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaEventRecord(event, static_cast<cudaStream_t>(writer));
  cudaStreamWaitEvent(static_cast<cudaStream_t>(reader), event, 0);
  cudaEventDestroy(event);
}
void emulated_hold_back(int late) {
  using emulated_cuda::WorkOrder;
  emulated_cuda::set_work_order(late ? WorkOrder::kLate : WorkOrder::kAtOnce);
}
void emulated_lose_device(int lost) { emulated_cuda::lose_device(lost != 0); }

}  // extern "C"
