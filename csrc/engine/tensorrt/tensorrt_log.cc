#include "engine/tensorrt/tensorrt_log.h"

#include <cstdio>
#include <cstdlib>

#include "base/error.h"

namespace tubecam {
namespace {

bool is_verbose() {
  const char* wanted = std::getenv("TUBECAM_TENSORRT_VERBOSE");
  return wanted && *wanted;
}

// "[graphShapeAnalyzer.cpp::analyzeShapes::1872] Error Code 4: …" without the place.
std::string without_place(const std::string& text) {
  const size_t end = text.find("] ");
  return !text.empty() && text[0] == '[' && end != std::string::npos ? text.substr(end + 2) : text;
}

}  // namespace

void TensorRtLog::log(Severity severity, const char* message) noexcept {
  try {
    static const bool verbose = is_verbose();
    if (verbose) std::fprintf(stderr, "TensorRT: %s\n", message);
    if (severity > Severity::kERROR) return;
    const std::lock_guard<std::mutex> lock(lock_);
    if (first_.empty()) first_ = without_place(message);
  } catch (...) {  // no memory for a message: TensorRT's own result reports the failure
  }
}

std::string TensorRtLog::take(const std::string& otherwise) {
  const std::lock_guard<std::mutex> lock(lock_);
  std::string text;
  text.swap(first_);
  return text.empty() ? otherwise : text;
}

std::string tensorrt_version() {
  // From 10 on the library counts 10000·major + 100·minor + patch, before 1000 and 100.
  const int version = getInferLibVersion(), unit = version >= 100000 ? 10000 : 1000;
  const int major = version / unit, minor = version % unit / 100, patch = version % 100;
  check(major == NV_TENSORRT_MAJOR, ErrorCode::kUnavailable, "TensorRT ", major, ".", minor,
        " is installed, but this engine was built for ", NV_TENSORRT_MAJOR, ".", NV_TENSORRT_MINOR,
        ": build tubecam again with -DTUBECAM_TENSORRT=ON on this machine");
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace tubecam
