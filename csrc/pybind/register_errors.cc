#include <cstring>
#include <new>

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
    case ErrorCode::kDevice:
      return "DeviceError";
  }
  return "TubecamError";
}

}  // namespace

void register_errors(py::module_&) {
  // The classes are imported when the first error is raised: _core must not import its own package.
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const std::bad_alloc&) {
      PyErr_SetString(PyExc_MemoryError, kNoMemory);
    } catch (const Error& error) {
      const py::object type = py::module_::import("tubecam.errors").attr(class_name(error.code()));
      // A message may quote a path, and a path need not be UTF-8.
      const auto text = py::reinterpret_steal<py::object>(
          PyUnicode_DecodeUTF8(error.what(), Py_ssize_t(std::strlen(error.what())), "replace"));
      PyErr_SetObject(type.ptr(), text.ptr());
    }
  });
}

}  // namespace tubecam
