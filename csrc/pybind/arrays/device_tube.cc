#include "pybind/arrays/device_tube.h"

#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "explain/device/device_cam.h"
#include "pybind/arrays/dlpack.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Tube = std::shared_ptr<DeviceTube>;
using Pair = std::pair<int, int>;

// What a consumer holds: the memory stays as long as it.
template <typename Managed>
struct Export {
  Managed managed{};
  Tube tube;
  Shape shape;
};

template <typename Managed>
Export<Managed>* begin_export(const Tube& tube) {
  auto* made = new Export<Managed>;
  made->tube = tube;
  made->shape = tube->view.shape;
  made->managed.context = made;
  made->managed.deleter = [](Managed* self) {
    delete static_cast<Export<Managed>*>(self->context);
  };
  made->managed.tensor = {tube->view.data,
                          {dlpack::kCuda, tube->view.device.index},
                          int32_t(made->shape.size()),
                          {dlpack::kFloat, 32, 1},
                          made->shape.data(),
                          nullptr,
                          0};
  return made;
}

// Deletes what no consumer took.
template <typename Managed>
py::object capsule_of(Export<Managed>* made, const char* name) {
  PyObject* capsule = PyCapsule_New(&made->managed, name, [](PyObject* self) {
    const char* now = PyCapsule_GetName(self);
    if (std::strncmp(now, "used_", 5) == 0) return;
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(self, now));
    managed->deleter(managed);
  });
  if (!capsule) {
    delete made;
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(capsule);
}

void check_current(const DeviceTube& tube) {
  check(tube.is_current(), ErrorCode::kUsage,
        "this tube has been overwritten on its device by a later window of the same explainer; "
        "copy what shall stay, or read the explanation's `tube`, which is in system memory");
}

// The host has waited for the window, so the values are there for any stream.
py::object export_tube(const Tube& tube, const py::object&, const std::optional<Pair>& max_version,
                       const std::optional<Pair>& device, const std::optional<bool>& copy) {
  check_current(*tube);
  if (device && *device != Pair(dlpack::kCuda, tube->view.device.index))
    throw py::buffer_error("the tube lies on " + tube->view.device.to_string() +
                           " and is offered there alone");
  if (copy && *copy) throw py::buffer_error("the tube is offered without a copy alone");
  if (!max_version || max_version->first < int(dlpack::kMajor))
    return capsule_of(begin_export<dlpack::Managed>(tube), dlpack::kCapsule);
  auto* made = begin_export<dlpack::ManagedVersioned>(tube);
  made->managed.version = {dlpack::kMajor, dlpack::kMinor};
  made->managed.flags = dlpack::kReadOnly;
  return capsule_of(made, dlpack::kVersionedCapsule);
}

py::dict interface_of(const Tube& tube) {
  check_current(*tube);
  py::dict interface;
  interface["version"] = 3;
  interface["shape"] = py::tuple(py::cast(tube->view.shape));
  interface["typestr"] = "<f4";
  interface["data"] = py::make_tuple(reinterpret_cast<uintptr_t>(tube->view.data), true);
  interface["strides"] = py::none();
  interface["stream"] = py::none();  // as in export_tube
  return interface;
}

}  // namespace

void register_device_tube(py::module_& module) {
  py::class_<DeviceTube, Tube>(
      module, "DeviceTube",
      "A tube on a GPU: hand it to torch.from_dlpack, cupy.from_dlpack or whatever reads\n"
      "__cuda_array_interface__. It is there until the explainer's next window, which overwrites\n"
      "it under those arrays too; to hand it out after that is an error.")
      .def_property_readonly(
          "shape", [](const DeviceTube& tube) { return py::tuple(py::cast(tube.view.shape)); })
      .def_property_readonly("device",
                             [](const DeviceTube& tube) { return tube.view.device.to_string(); })
      .def_property_readonly("is_current", &DeviceTube::is_current)
      .def("__dlpack__", &export_tube, py::kw_only(), py::arg("stream") = py::none(),
           py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
           py::arg("copy") = py::none())
      .def("__dlpack_device__",
           [](const DeviceTube& tube) { return Pair(dlpack::kCuda, tube.view.device.index); })
      .def_property_readonly("__cuda_array_interface__", &interface_of);
}

}  // namespace tubecam
