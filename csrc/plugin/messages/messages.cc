#include "plugin/messages/messages.h"

#include <new>

#include "base/error.h"
#include "base/unwind.h"
#include "plugin/meta/meta.h"
#include "plugin/meta/meta_fields.h"

namespace tubecam {
namespace {

constexpr gint64 kQuiet = 5 * G_USEC_PER_SEC;

struct Code {
  GQuark domain;
  gint code;
};

Code code_of(ErrorCode code, const std::string& bundle) {
  const bool missing = !g_file_test(bundle.c_str(), G_FILE_TEST_EXISTS);
  switch (code) {
    case ErrorCode::kUsage:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS};
    case ErrorCode::kUnavailable:
      return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT};
    case ErrorCode::kEngine:
      return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED};
    case ErrorCode::kDevice:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED};
    case ErrorCode::kBundle:
      break;
  }
  return {GST_RESOURCE_ERROR, missing ? GST_RESOURCE_ERROR_NOT_FOUND : GST_RESOURCE_ERROR_READ};
}

Code code_of_current(const std::string& bundle) {
  try {
    throw;
  } catch (const Error& error) {
    return code_of(error.code(), bundle);
  } catch (const std::bad_alloc&) {
    return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED};
  } catch (...) {
    return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED};
  }
}

void post(GstElement* element, GstMessageType type, Code code, const char* text,
          GstStructure* details = nullptr) {
  gst_element_message_full_with_details(element, type, code.domain, code.code, g_strdup(text),
                                        nullptr, __FILE__, GST_FUNCTION, __LINE__, details);
}

void post_current(GstElement* element, GstMessageType type, Code code) noexcept {
  try {
    post(element, type, code, current_message().c_str());
  } catch (...) {  // not even for the text
    post(element, type, code, kNoMemory);
  }
}

void set_times(GstStructure* fields, const Window& window, const GstSegment* segment) {
  const auto first = static_cast<guint64>(window.pts.front());
  guint64 stream_time = GST_CLOCK_TIME_NONE, running_time = GST_CLOCK_TIME_NONE;
  if (segment && segment->format == GST_FORMAT_TIME) {
    stream_time = gst_segment_to_stream_time(segment, GST_FORMAT_TIME, first);
    running_time = gst_segment_to_running_time(segment, GST_FORMAT_TIME, first);
  }
  set_fields(fields, {{"timestamp", uint64_t{first}},
                      {"stream-time", uint64_t{stream_time}},
                      {"running-time", uint64_t{running_time}},
                      {"duration", uint64_t(window.pts.back()) - first}});
}

}  // namespace

bool RateLimit::allow() {
  std::lock_guard<std::mutex> lock(mutex_);
  const gint64 now = g_get_monotonic_time();
  if (last_ != 0 && now - last_ < kQuiet) return false;
  last_ = now;
  return true;
}

void post_current_error(GstElement* element, const std::string& bundle) noexcept {
  post_current(element, GST_MESSAGE_ERROR, code_of_current(bundle));
}

void post_current_warning(GstElement* element) noexcept {
  post_current(element, GST_MESSAGE_WARNING, {GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED});
}

bool exceptions_are_safe_or_error(GstElement* element) {
  if (exceptions_are_safe()) return true;
  GST_ELEMENT_ERROR(element, LIBRARY, INIT,
                    ("C++ exceptions would abort this process: GStreamer's libunwind was loaded "
                     "in front of libgcc. In Python, import tubecam before gi; elsewhere set "
                     "LD_PRELOAD=libgcc_s.so.1"),
                    (nullptr));
  return false;
}

void post_warning(GstElement* element, const std::string& text, GstStructure* details) {
  post(element, GST_MESSAGE_WARNING, {GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED}, text.c_str(),
       details);
}

void post_progress(GstElement* element, GstProgressType type, const std::string& text) {
  gst_element_post_message(
      element, gst_message_new_progress(GST_OBJECT(element), type, "compile", text.c_str()));
}

void post_explanation(GstElement* element, const Outcome& outcome, uint64_t dropped) {
  GstStructure* fields = describe(*outcome.explanation);
  const auto* segment = static_cast<const GstSegment*>(outcome.job.context.get());
  set_times(fields, outcome.job.window, segment);
  set_field(fields, "dropped-windows", dropped);
  gst_element_post_message(element, gst_message_new_element(GST_OBJECT(element), fields));
}

}  // namespace tubecam
