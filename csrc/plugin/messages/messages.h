// What the elements post on the bus.
#pragma once

#include <gst/gst.h>

#include <mutex>
#include <string>

#include "live/explain_worker.h"

namespace tubecam {

// Lets a warning through at most every five seconds. Any thread.
class RateLimit {
 public:
  bool allow();

 private:
  std::mutex mutex_;
  gint64 last_ = 0;  // µs, monotonic
};

// Stops the pipeline with the exception that is being handled. A missing bundle is RESOURCE
// NOT_FOUND, a bad one RESOURCE READ, a wrong property RESOURCE SETTINGS, an engine that is not
// there LIBRARY INIT and one that fails LIBRARY FAILED.
void post_current_error(GstElement* element, const std::string& bundle) noexcept;
void post_current_warning(GstElement* element) noexcept;  // the same, and the stream goes on

// Note [C boundary]
// GStreamer is C, which no exception may reach: what it calls runs by one of these two. False when
// `step` threw, which is reported then.
template <typename Step>
bool run_or_error(GstElement* element, const Step& step, const std::string& bundle = "") noexcept {
  try {
    step();
    return true;
  } catch (...) {
    post_current_error(element, bundle);
    return false;
  }
}
template <typename Step>
bool run_or_warn(GstElement* element, const Step& step) noexcept {
  try {
    step();
    return true;
  } catch (...) {
    post_current_warning(element);
    return false;
  }
}

// The same where C++ exceptions would abort the process (Note [Unwinding]); false then. To be asked
// before anything throws.
bool exceptions_are_safe_or_error(GstElement* element);
// details: a structure for programs that the message takes, or null.
void post_warning(GstElement* element, const std::string& text, GstStructure* details = nullptr);
void post_progress(GstElement* element, GstProgressType type, const std::string& text);

// The element message of a window; see meta.h. context of the job: the GstSegment of its frames, or
// null.
void post_explanation(GstElement* element, const Outcome& outcome, uint64_t dropped);

}  // namespace tubecam
