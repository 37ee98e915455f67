#include "pybind/arrays/device_tube.h"

#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "pybind/arrays/dlpack.h"

namespace py = pybind11;

namespace tubecam {
namespace {

using Pair = std::pair<int, int>;
using Memory = std::shared_ptr<float>;

// Python's DeviceTube.
struct HandedTube {
  std::shared_ptr<const DeviceTube> tube;
  bool borrows = false;  // unless the consumer says what it wants
  Memory copy;           // what __cuda_array_interface__ names: its consumers hold this object
};

Memory copy_of(const HandedTube& handed) {
  const auto tube = handed.tube;
  const py::gil_scoped_release released;  // the host waits for the device
  return tube->copy();
}

Memory borrowed(const HandedTube& handed) {
  handed.tube->check_current();
  return {handed.tube, static_cast<float*>(handed.tube->view.data)};
}

// What a consumer holds: the memory stays as long as it.
template <typename Managed>
struct Export {
  Managed managed{};
  Memory memory;
  Shape shape;
};

template <typename Managed>
Export<Managed>* begin_export(const Memory& memory, const TensorView& view) {
  auto* made = new Export<Managed>;
  made->memory = memory;
  made->shape = view.shape;
  made->managed.context = made;
  made->managed.deleter = [](Managed* self) {
    delete static_cast<Export<Managed>*>(self->context);
  };
  made->managed.tensor = {memory.get(),
                          {dlpack::kCuda, view.device.index},
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

// The host has waited for the window and for the copy, so the values are there for any stream.
py::object export_tube(const HandedTube& handed, const py::object&,
                       const std::optional<Pair>& max_version, const std::optional<Pair>& device,
                       const std::optional<bool>& copy) {
  const TensorView& view = handed.tube->view;
  if (device && *device != Pair(dlpack::kCuda, view.device.index))
    throw py::buffer_error("the tube lies on " + view.device.to_string() +
                           " and is offered there alone");
  const bool copies = copy.value_or(!handed.borrows);
  const Memory memory = copies ? copy_of(handed) : borrowed(handed);
  if (!max_version || max_version->first < int(dlpack::kMajor))
    return capsule_of(begin_export<dlpack::Managed>(memory, view), dlpack::kCapsule);
  auto* made = begin_export<dlpack::ManagedVersioned>(memory, view);
  made->managed.version = {dlpack::kMajor, dlpack::kMinor};
  made->managed.flags = copies ? dlpack::kIsCopied : dlpack::kReadOnly;
  return capsule_of(made, dlpack::kVersionedCapsule);
}

const Memory& kept_copy(HandedTube& handed) {
  if (handed.copy) return handed.copy;
  Memory made = copy_of(handed);
  if (!handed.copy) handed.copy = std::move(made);  // unless another thread was first meanwhile
  return handed.copy;
}

py::dict interface_of(HandedTube& handed) {
  const Memory memory = handed.borrows ? borrowed(handed) : kept_copy(handed);
  py::dict interface;
  interface["version"] = 3;
  interface["shape"] = py::tuple(py::cast(handed.tube->view.shape));
  interface["typestr"] = "<f4";
  interface["data"] = py::make_tuple(reinterpret_cast<uintptr_t>(memory.get()), handed.borrows);
  interface["strides"] = py::none();
  interface["stream"] = py::none();  // as in export_tube
  return interface;
}

constexpr char kAboutTubes[] =
    "A tube [t, h, w] float32 on a GPU: hand it to torch.from_dlpack, cupy.from_dlpack or\n"
    "whatever reads __cuda_array_interface__. Each array that DLPack gives is a copy of its own\n"
    "on the same GPU; __cuda_array_interface__ always names one copy, which lives as long as this\n"
    "object. Take them before the explainer's next window, which overwrites the tube that they\n"
    "are copied from: later it is a UsageError. borrow() saves the copy.";

constexpr char kAboutBorrowing[] =
    "The same tube, handed out without a copy, as __dlpack__(copy=False) does: for reading alone,\n"
    "and until the explainer's next window, which overwrites it under those arrays too.";

}  // namespace

py::object hand_out(const std::shared_ptr<const DeviceTube>& tube) {
  return tube ? py::cast(HandedTube{tube}) : py::none();
}

void register_device_tube(py::module_& module) {
  py::class_<HandedTube>(module, "DeviceTube", kAboutTubes)
      .def_property_readonly(
          "shape",
          [](const HandedTube& handed) { return py::tuple(py::cast(handed.tube->view.shape)); })
      .def_property_readonly(
          "device", [](const HandedTube& handed) { return handed.tube->view.device.to_string(); })
      .def_property_readonly("is_current",
                             [](const HandedTube& handed) { return handed.tube->is_current(); })
      .def(
          "borrow",
          [](const HandedTube& handed) {
            return HandedTube{handed.tube, true};
          },
          kAboutBorrowing)
      .def("__dlpack__", &export_tube, py::kw_only(), py::arg("stream") = py::none(),
           py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
           py::arg("copy") = py::none())
      .def("__dlpack_device__",
           [](const HandedTube& handed) {
             return Pair(dlpack::kCuda, handed.tube->view.device.index);
           })
      .def_property_readonly("__cuda_array_interface__", &interface_of);
}

}  // namespace tubecam
