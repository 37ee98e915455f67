// What CUDA gives the device's files: memory, streams, events. CUDA's own headers stay in the .cu
// files: handles are CUDA's types, declared here.
//
// Part of libtubecam_cuda.so; link with it. Every function throws Error with CUDA's own words and
// what was attempted: kDevice, or kUnavailable where there is no usable GPU at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/device.h"
#include "base/export.h"
#include "base/tensor.h"

struct CUstream_st;
struct CUevent_st;
struct CUgraphExec_st;

namespace tubecam {

using StreamHandle = CUstream_st*;  // cudaStream_t; nullptr is the default stream
using EventHandle = CUevent_st*;    // cudaEvent_t

// Throws kUnavailable: no driver, driver too old, no GPU of this index.
TUBECAM_API void require_cuda(int index);
// The calling thread's device from now on. Buffers, streams and events belong to it.
TUBECAM_API void use_cuda(Device device);
TUBECAM_API Device current_cuda_device();

// `error` is a cudaError_t. what: "cam3d", "to allocate 12 MiB of device memory".
TUBECAM_API void check_cuda(int error, const char* what);

enum class CudaMemory {
  kDevice,
  kPinned  // page-locked memory of the host: copies from and to it overlap with the device's work
};
TUBECAM_API void* allocate_cuda(CudaMemory kind, size_t bytes);  // 0 bytes: nullptr
TUBECAM_API void free_cuda(CudaMemory kind, void* memory);

// Not cleared.
template <CudaMemory kKind>
class CudaBuffer {
 public:
  CudaBuffer() = default;
  explicit CudaBuffer(size_t bytes) : data_(allocate_cuda(kKind, bytes)), bytes_(bytes) {}
  ~CudaBuffer() { free_cuda(kKind, data_); }
  CudaBuffer(CudaBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  CudaBuffer& operator=(CudaBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  // Grows to at least `bytes`; the contents are then lost. Allocates nothing when it fits.
  void reserve(size_t bytes) {
    if (bytes > bytes_) *this = CudaBuffer(bytes);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

using DeviceBuffer = CudaBuffer<CudaMemory::kDevice>;
using PinnedBuffer = CudaBuffer<CudaMemory::kPinned>;

// A stream of its own: it does not wait for the default stream.
class TUBECAM_API CudaStream {
 public:
  CudaStream();
  ~CudaStream();
  CudaStream(CudaStream&& other) noexcept;
  CudaStream& operator=(CudaStream&& other) noexcept;

  StreamHandle get() const { return stream_; }
  void synchronize() const;

 private:
  StreamHandle stream_ = nullptr;
};

class TUBECAM_API CudaEvent {
 public:
  explicit CudaEvent(bool timed = false);
  ~CudaEvent();
  CudaEvent(CudaEvent&& other) noexcept;
  CudaEvent& operator=(CudaEvent&& other) noexcept;

  EventHandle get() const { return event_; }
  void record(StreamHandle stream);
  void synchronize() const;                                // the host waits
  void block(StreamHandle stream) const;                   // the stream waits
  bool reached() const;                                    // asks without waiting
  float milliseconds_since(const CudaEvent& begin) const;  // both timed and reached

 private:
  EventHandle event_ = nullptr;
};

// A stream's work recorded once and launched as one.
class TUBECAM_API CapturedGraph {
 public:
  CapturedGraph() = default;
  ~CapturedGraph();
  CapturedGraph(CapturedGraph&& other) noexcept;
  CapturedGraph& operator=(CapturedGraph&& other) noexcept;

  // Records what `work` puts into the stream; nothing of it runs. Empty on success, else why CUDA
  // or `work` by an Error refused, and nothing is recorded: run `work` itself then. What else
  // `work` throws comes through; the stream is usable all the same.
  // Whatever allocates or waits is refused; other threads are not disturbed.
  std::string record(StreamHandle stream, const std::function<void()>& work);
  bool ready() const { return graph_ != nullptr; }
  void launch(StreamHandle stream) const;
  void reset();

 private:
  CUgraphExec_st* graph_ = nullptr;
};

// The same with events that others own.
TUBECAM_API void record_event(EventHandle event, StreamHandle stream);
TUBECAM_API void wait_for_event(EventHandle event, StreamHandle stream);  // the stream waits

// Ordered with the stream's other work. Either side may be the host's or the device's memory.
TUBECAM_API void copy_async(void* to, const void* from, size_t bytes, StreamHandle stream);
TUBECAM_API void copy_rows_async(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                                 size_t bytes, size_t rows, StreamHandle stream);
// A tensor of the device, float32, float16 or bfloat16, as float32 in page-locked or device memory.
TUBECAM_API void copy_as_float_async(float* to, const TensorView& from, StreamHandle stream);
TUBECAM_API void zero_async(void* to, size_t bytes, StreamHandle stream);

struct DeviceMemory {
  size_t free = 0, total = 0;  // bytes
};
TUBECAM_API DeviceMemory device_memory();
TUBECAM_API int multiprocessors();  // of the calling thread's device

struct CudaDeviceInfo {
  char name[256] = {};
  int major = 0, minor = 0;     // compute capability
  int driver = 0, runtime = 0;  // 1000·major + 10·minor of CUDA
};
TUBECAM_API CudaDeviceInfo cuda_device_info(int index);

}  // namespace tubecam
