#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "base/cuda/cuda.h"
#include "base/cuda/kernel.cuh"
#include "base/error.h"

namespace tubecam {
namespace {

struct Float32Copy {
  const void* from;
  float* to;
  int64_t count;
};

template <typename T>
__global__ void to_float32_kernel(Float32Copy p) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count; i += step)
    p.to[i] = to_float(static_cast<const T*>(p.from)[i]);
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// Errors after which a context is of no more use: the device was lost, or a kernel accessed memory
// out of bounds.
bool is_fatal(cudaError_t error) {
  return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure ||
         error == cudaErrorHardwareStackError || error == cudaErrorECCUncorrectable ||
         error == cudaErrorDevicesUnavailable;
}

std::string memory_left() {
  size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "";
  return "; " + std::to_string(free >> 20) + " of the device's " + std::to_string(total >> 20) +
         " MiB are free";
}

}  // namespace

void check_cuda(int code, const char* what) {
  const auto error = static_cast<cudaError_t>(code);
  if (error == cudaSuccess) return;
  cudaGetLastError();  // what is not fatal is reported once
  const std::string left = error == cudaErrorMemoryAllocation ? memory_left() : "";
  fail(ErrorCode::kDevice, "CUDA failed ", what, ": ", cudaGetErrorString(error), " (",
       cudaGetErrorName(error), ")", left,
       is_fatal(error) ? ". The device is lost to this process" : "");
}

void require_cuda(int index) {
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  check(driver > 0, ErrorCode::kUnavailable, "device cuda:", index,
        " needs NVIDIA's driver, and this machine has none that answers: install it, give the "
        "container its GPU (--gpus all, on Jetson --runtime nvidia), or use device cpu");
  const cudaError_t error = cudaGetDeviceCount(&count);
  check(error != cudaErrorInsufficientDriver, ErrorCode::kUnavailable,
        "NVIDIA's driver serves CUDA up to ", version_text(driver), ", but these kernels need ",
        version_text(runtime), ": install a newer driver, or build with an older toolkit");
  check(error == cudaSuccess && count > 0, ErrorCode::kUnavailable, "device cuda:", index,
        " cannot be used: ", cudaGetErrorString(error));
  check(index < count, ErrorCode::kUnavailable, "there is no device cuda:", index,
        ": this machine has ", count, " of them, counted from 0");
}

void use_cuda(Device device) { check_cuda(cudaSetDevice(device.index), "to choose the device"); }

Device current_cuda_device() {
  Device device{DeviceType::kCuda, 0};
  check_cuda(cudaGetDevice(&device.index), "to ask for the device");
  return device;
}

void* allocate_cuda(CudaMemory kind, size_t bytes) {
  if (bytes == 0) return nullptr;
  const bool device = kind == CudaMemory::kDevice;
  void* memory = nullptr;
  const cudaError_t error =
      device ? cudaMalloc(&memory, bytes) : cudaHostAlloc(&memory, bytes, cudaHostAllocDefault);
  const std::string what = "to allocate " + std::to_string((bytes + (1 << 20) - 1) >> 20) +
                           " MiB of " + (device ? "device" : "page-locked") + " memory";
  check_cuda(error, what.c_str());
  return memory;
}

void free_cuda(CudaMemory kind, void* memory) {
  if (memory) kind == CudaMemory::kDevice ? cudaFree(memory) : cudaFreeHost(memory);
}

CudaStream::CudaStream() {
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "to make a stream");
}
CudaStream::~CudaStream() {
  if (stream_) cudaStreamDestroy(stream_);
}
CudaStream::CudaStream(CudaStream&& other) noexcept
    : stream_(std::exchange(other.stream_, nullptr)) {}
CudaStream& CudaStream::operator=(CudaStream&& other) noexcept {
  std::swap(stream_, other.stream_);
  return *this;
}
void CudaStream::synchronize() const {
  check_cuda(cudaStreamSynchronize(stream_), "while the stream's work was awaited");
}

CudaEvent::CudaEvent(bool timed) {
  check_cuda(cudaEventCreateWithFlags(&event_, timed ? cudaEventDefault : cudaEventDisableTiming),
             "to make an event");
}
CudaEvent::~CudaEvent() {
  if (event_) cudaEventDestroy(event_);
}
CudaEvent::CudaEvent(CudaEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
CudaEvent& CudaEvent::operator=(CudaEvent&& other) noexcept {
  std::swap(event_, other.event_);
  return *this;
}
void record_event(EventHandle event, StreamHandle stream) {
  check_cuda(cudaEventRecord(event, stream), "to record an event");
}
void wait_for_event(EventHandle event, StreamHandle stream) {
  check_cuda(cudaStreamWaitEvent(stream, event, 0), "to let a stream wait");
}
void CudaEvent::record(StreamHandle stream) { record_event(event_, stream); }
void CudaEvent::synchronize() const {
  check_cuda(cudaEventSynchronize(event_), "while an event was awaited");
}
void CudaEvent::block(StreamHandle stream) const { wait_for_event(event_, stream); }
bool CudaEvent::reached() const {
  const cudaError_t error = cudaEventQuery(event_);
  if (error != cudaErrorNotReady) check_cuda(error, "to ask for an event");
  return error == cudaSuccess;
}
float CudaEvent::milliseconds_since(const CudaEvent& begin) const {
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "to read a time");
  return milliseconds;
}

CapturedGraph::~CapturedGraph() { reset(); }
CapturedGraph::CapturedGraph(CapturedGraph&& other) noexcept
    : graph_(std::exchange(other.graph_, nullptr)) {}
CapturedGraph& CapturedGraph::operator=(CapturedGraph&& other) noexcept {
  std::swap(graph_, other.graph_);
  return *this;
}
void CapturedGraph::reset() {
  if (graph_) cudaGraphExecDestroy(graph_);
  graph_ = nullptr;
}

std::string CapturedGraph::record(StreamHandle stream, const std::function<void()>& work) {
  reset();
  cudaError_t error = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  if (error != cudaSuccess) return cudaGetErrorString(error);
  std::string refused;
  std::exception_ptr thrown;
  try {
    work();
  } catch (const Error& problem) {
    refused = problem.what();
  } catch (...) {
    thrown = std::current_exception();
  }
  cudaGraph_t graph = nullptr;
  error = cudaStreamEndCapture(stream, &graph);  // whatever was thrown: the stream must go on
  if (error == cudaSuccess && refused.empty() && !thrown) {
    error = cudaGraphInstantiateWithFlags(&graph_, graph, 0);
    if (error != cudaSuccess) graph_ = nullptr;
  }
  if (graph) cudaGraphDestroy(graph);
  if (refused.empty() && error != cudaSuccess) refused = cudaGetErrorString(error);
  cudaGetLastError();  // reported here
  if (thrown) std::rethrow_exception(thrown);
  return refused;
}

void CapturedGraph::launch(StreamHandle stream) const {
  check_cuda(cudaGraphLaunch(graph_, stream), "to launch a captured graph");
}

void copy_async(void* to, const void* from, size_t bytes, StreamHandle stream) {
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "to copy memory");
}

void copy_rows_async(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t bytes,
                     size_t rows, StreamHandle stream) {
  check_cuda(
      cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, bytes, rows, cudaMemcpyDefault, stream),
      "to copy a picture");
}

// The device writes to page-locked memory by itself: all memory has one address space.
void copy_as_float_async(float* to, const TensorView& from, StreamHandle stream) {
  const int64_t count = num_elements(from.shape);
  if (from.dtype == DType::kFloat32)
    return copy_async(to, from.data, size_t(count) * sizeof(float), stream);
  constexpr int64_t kThreads = 256, kMostBlocks = 256;
  const auto blocks = unsigned(std::min((count + kThreads - 1) / kThreads, kMostBlocks));
  with_float_type(from.dtype, "a copy", [&](auto element) {
    launch("in a copy", to_float32_kernel<decltype(element)>, blocks, unsigned(kThreads), 0, stream,
           Float32Copy{from.data, to, count});
  });
}

void zero_async(void* to, size_t bytes, StreamHandle stream) {
  check_cuda(cudaMemsetAsync(to, 0, bytes, stream), "to clear memory");
}

DeviceMemory device_memory() {
  DeviceMemory memory;
  check_cuda(cudaMemGetInfo(&memory.free, &memory.total), "to ask for free memory");
  return memory;
}

int multiprocessors() {
  int device = 0, count = 0;
  check_cuda(cudaGetDevice(&device), "to ask for the device");
  check_cuda(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device),
             "to ask for the device's size");
  return count;
}

CudaDeviceInfo cuda_device_info(int index) {
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, index), "to ask for the device's name");
  CudaDeviceInfo info;
  static_assert(sizeof info.name == sizeof properties.name);
  std::memcpy(info.name, properties.name, sizeof info.name);
  info.major = properties.major;
  info.minor = properties.minor;
  cudaDriverGetVersion(&info.driver);
  cudaRuntimeGetVersion(&info.runtime);
  return info;
}

}  // namespace tubecam

extern "C" TUBECAM_API void tubecam_require_cuda(int index) { tubecam::require_cuda(index); }

// Makes the context that all of TubeCAM's work on this device shares current in the calling thread.
extern "C" TUBECAM_API void tubecam_enter_cuda(tubecam::Device device) {
  tubecam::use_cuda(device);
  tubecam::check_cuda(cudaFree(nullptr), "to make a context");  // before CUDA 12 made with this
}
