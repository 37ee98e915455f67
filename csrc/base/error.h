// Errors that reach a person: what was wrong, where, and what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "base/export.h"

namespace tubecam {

enum class ErrorCode {
  kUsage,        // a wrong argument: shape, range, name
  kBundle,       // a bundle that is missing, newer, tampered with or inconsistent
  kEngine,       // an inference engine that could not load or run a graph
  kUnavailable,  // a part that was not built or is not installed
  kDevice,       // a device that failed, was lost or has too little memory
};

class TUBECAM_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ~Error() override;  // in libtubecam.so, and the type with it: every library catches the same one
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// For what the system refuses a program, and std::bad_alloc names in C++'s words.
inline constexpr char kNoMemory[] = "there is not enough memory";

// What the exception says that is being handled, of whatever type: to be called in a catch block.
TUBECAM_API std::string current_message();

// Throws Error with the parts streamed into one sentence.
template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(code, message.str());
}

template <typename... Parts>
void check(bool condition, ErrorCode code, const Parts&... parts) {
  if (!condition) fail(code, parts...);
}

}  // namespace tubecam
