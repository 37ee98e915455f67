#include "base/error.h"
#include "pybind/register.h"

namespace py = pybind11;

namespace tubecam {

namespace {

const char* class_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return "UsageError";
    case ErrorCode::kBundle:
      return "BundleError";
    case ErrorCode::kEngine:
      return "EngineError";
    case ErrorCode::kUnavailable:
      return "UnavailableError";
  }
  return "TubecamError";
}

}  // namespace

void register_errors(py::module_&) {
  // The classes are imported when the first error is raised: _core must not import its own package.
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      const py::object type = py::module_::import("tubecam.errors").attr(class_name(error.code()));
      PyErr_SetString(type.ptr(), error.what());
    }
  });
}

}  // namespace tubecam
