// What follows an engine on a GPU: cam3d on its stream, and one small copy to the host.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/export.h"
#include "engine/engine.h"
#include "explain/methods/cam3d.h"

namespace tubecam {

struct DeviceCamSpec {
  Device device;
  CamMethod method = CamMethod::kGradCam;  // not read where the graph gives relevance
  LayerSpec layer;
  int clip_length = 0;  // T
};

class DeviceCam {
 public:
  virtual ~DeviceCam() = default;
  // The engine's epilogue. Neither allocates nor waits.
  virtual void enqueue(const EngineOutputs& outputs, CUstream_st* stream) = 0;
  // In system memory, after the engine's infer() and until its next one.
  virtual CamStats stats() const = 0;
  virtual const float* curve() const = 0;      // [T]
  virtual const float* tube() const = 0;       // [t, h, w]
  virtual TensorView device_tube() const = 0;  // [t, h, w] float32 where it lies; overwritten too
  // That tube in memory of its own on the same device, written already; frees itself.
  virtual std::shared_ptr<float> copy_on_device() const = 0;
  TUBECAM_API CamStats copy_to(float* tube) const;  // as cam3d() gives them

  // Counts the windows that it follows the engine through.
  void begin_window() { ++window_; }
  uint64_t window() const { return window_; }

 private:
  std::atomic<uint64_t> window_{0};
};

// A tube on a GPU, as long as it is there: until the next window of its explainer.
struct TUBECAM_API DeviceTube {
  TensorView view;                         // [t, h, w] float32, there already
  std::shared_ptr<const DeviceCam> owner;  // of the memory
  uint64_t window = 0;

  bool is_current() const { return owner->window() == window; }
  // Throws kUsage where the tube has been overwritten.
  void check_current() const;
  // [t, h, w] float32 on the same device, which no window overwrites. Throws as check_current(),
  // kDevice when there is too little memory.
  std::shared_ptr<float> copy() const;
};

// Throws kUnavailable without CUDA's kernels, kDevice when there is too little memory.
std::unique_ptr<DeviceCam> make_device_cam(const DeviceCamSpec& spec);

// Keeps an engine followed by the method that is asked for. It must outlive the engine's use.
class TUBECAM_API CamEpilogue {
 public:
  // nullptr on a CPU, and for graphs whose tensors are read in system memory: those of several
  // layers, and those that give the clip's gradient. Another method than before costs one
  // inference that is not recorded.
  std::shared_ptr<const DeviceCam> follow(Engine& engine, const Bundle& bundle,
                                          const GraphSpec& graph, Device device,
                                          const std::string& method);
  bool follows() const { return cam_ != nullptr; }

 private:
  std::shared_ptr<DeviceCam> cam_;
  std::string method_;
};

}  // namespace tubecam
