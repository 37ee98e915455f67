// What TensorRT says, kept for the error that a person reads; and which TensorRT this is.
#pragma once

#include <NvInfer.h>

#include <mutex>
#include <string>

namespace tubecam {

class TensorRtLog final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override;
  // The first complaint since the last call, without TensorRT's own places in it; or `otherwise`.
  std::string take(const std::string& otherwise);

 private:
  std::mutex lock_;
  std::string first_;
};

// "10.3.0", of the library that is loaded. Throws kUnavailable when its major version is not that
// of the headers that this engine was built with.
std::string tensorrt_version();

}  // namespace tubecam
