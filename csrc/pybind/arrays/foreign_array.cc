#include "pybind/arrays/foreign_array.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <utility>

#include "base/cuda/external_array_sync.h"
#include "base/error.h"
#include "pybind/arrays/dlpack.h"

namespace py = pybind11;

namespace tubecam {
namespace {

constexpr char kCudaInterface[] = "__cuda_array_interface__";

std::vector<int64_t> contiguous_strides(const ForeignArray& array) {
  std::vector<int64_t> strides(array.shape.size());
  int64_t stride = array.item;
  for (size_t i = strides.size(); i-- > 0; stride *= array.shape[i]) strides[i] = stride;
  return strides;
}

void check_sizes(const ForeignArray& array) {
  for (const int64_t size : array.shape)
    check(size > 0, ErrorCode::kUsage, "the array has no elements: ", array.describe());
}

// ---- DLPack ----

std::string dtype_name(const dlpack::DataType& dtype) {
  const char* kind = dtype.code == dlpack::kFloat  ? "float"
                     : dtype.code == dlpack::kUInt ? "uint"
                     : dtype.code == dlpack::kInt  ? "int"
                                                   : nullptr;
  if (!kind || dtype.lanes != 1)
    return "DLPack's type " + std::to_string(dtype.code) + " of " + std::to_string(dtype.bits) +
           " bits";
  return kind + std::to_string(dtype.bits);
}

ForeignArray read_tensor(const dlpack::Tensor& tensor, Device device) {
  ForeignArray array;
  array.device = device;
  array.data = static_cast<const char*>(tensor.data) + tensor.byte_offset;
  array.dtype = dtype_name(tensor.dtype);
  array.shape.assign(tensor.shape, tensor.shape + tensor.axes);
  array.item = tensor.dtype.bits / 8;
  array.strides = contiguous_strides(array);
  for (int i = 0; tensor.strides && i < tensor.axes; ++i)
    array.strides[size_t(i)] = tensor.strides[i] * array.item;
  return array;
}

// Takes what a capsule holds, as the protocol wants it: renamed, and deleted by its new owner.
template <typename Managed>
Managed* take(const py::object& capsule, const char* name, const char* used_name) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (!managed || PyCapsule_SetName(capsule.ptr(), used_name) != 0) throw py::error_already_set();
  return managed;
}

template <typename Managed>
py::object owner_of(Managed* managed) {
  return py::capsule(managed, [](void* pointer) {
    auto* held = static_cast<Managed*>(pointer);
    if (held->deleter) held->deleter(held);
  });
}

ForeignArray read_capsule(const py::object& capsule, Device device) {
  ForeignArray array;
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::kVersionedCapsule)) {
    auto* managed = take<dlpack::ManagedVersioned>(capsule, dlpack::kVersionedCapsule,
                                                   dlpack::kUsedVersionedCapsule);
    const py::object owner = owner_of(managed);
    check(managed->version.major == dlpack::kMajor, ErrorCode::kUsage, "the array comes by DLPack ",
          managed->version.major, ".", managed->version.minor, ", and tubecam reads ",
          dlpack::kMajor, ".x");
    array = read_tensor(managed->tensor, device);
    array.owner = owner;
  } else {
    check(PyCapsule_IsValid(capsule.ptr(), dlpack::kCapsule), ErrorCode::kUsage,
          "__dlpack__() of the array gave no fresh capsule named ", dlpack::kCapsule, " or ",
          dlpack::kVersionedCapsule);
    auto* managed = take<dlpack::Managed>(capsule, dlpack::kCapsule, dlpack::kUsedCapsule);
    const py::object owner = owner_of(managed);
    array = read_tensor(managed->tensor, device);
    array.owner = owner;
  }
  return array;
}

// Producers from before DLPack 1.0 know no max_version.
py::object export_of(const py::object& object, py::dict arguments) {
  const py::object dlpack = object.attr("__dlpack__");
  py::dict newer = py::dict(**arguments);
  newer["max_version"] = py::make_tuple(dlpack::kMajor, dlpack::kMinor);
  try {
    return dlpack(**newer);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return dlpack(**arguments);
}

std::pair<int, int> dlpack_device(const py::object& object) {
  const py::object device = object.attr("__dlpack_device__")();
  try {
    return device.cast<std::pair<int, int>>();
  } catch (const py::cast_error&) {
    fail(ErrorCode::kUsage, "__dlpack_device__() of the array gave ",
         py::repr(device).cast<std::string>(), ", not two integers: type and number");
  }
}

ForeignArray import_dlpack(const py::object& object) {
  const auto [type, index] = dlpack_device(object);
  if (type == dlpack::kCpu || type == dlpack::kCudaHost)
    return read_capsule(export_of(object, {}), Device{});
  check(type == dlpack::kCuda || type == dlpack::kCudaManaged, ErrorCode::kUsage,
        "the array lies on a device of DLPack's type ", type,
        "; tubecam reads system memory and CUDA's devices");
  check(index >= 0, ErrorCode::kUsage, "the array lies on a CUDA device of number ", index);
  const Device device{DeviceType::kCuda, index};
  ExternalArraySync& sync = external_array_sync(device);
  py::dict arguments;
  arguments["stream"] = py::int_(reinterpret_cast<uintptr_t>(sync.stream()));
  ForeignArray array = read_capsule(export_of(object, arguments), device);
  array.ready = sync.ready();
  return array;
}

// ---- __cuda_array_interface__ ----

// A field of the dict as T; nullopt where it is None or absent.
template <typename T>
std::optional<T> field(const py::dict& interface, const char* name, const char* meaning) {
  if (!interface.contains(name) || interface[name].is_none()) return std::nullopt;
  const py::object value = interface[name];
  try {
    return value.cast<T>();
  } catch (const py::cast_error&) {
    fail(ErrorCode::kUsage, kCudaInterface, "[\"", name, "\"] is ",
         py::repr(value).cast<std::string>(), ", not ", meaning);
  }
}

template <typename T>
T required(const py::dict& interface, const char* name, const char* meaning) {
  std::optional<T> value = field<T>(interface, name, meaning);
  check(value.has_value(), ErrorCode::kUsage, kCudaInterface, " has no \"", name, "\", ", meaning);
  return *std::move(value);
}

py::dict interface_of(const py::object& object) {
  const py::object interface = object.attr(kCudaInterface);
  check(py::isinstance<py::dict>(interface), ErrorCode::kUsage, kCudaInterface, " is no dict, but ",
        py::repr(interface).cast<std::string>());
  return interface;
}

py::dtype dtype_of(const std::string& typestr) {
  try {
    return py::dtype(typestr);
  } catch (const py::error_already_set&) {
    fail(ErrorCode::kUsage, kCudaInterface, "[\"typestr\"] is '", typestr,
         "', which names no type of NumPy");
  }
}

// The stream's number: 0 is not allowed, since it could mean either default stream.
void follow_stream(const py::dict& interface, ExternalArraySync& sync) {
  const auto stream = field<uintptr_t>(interface, "stream", "a stream's number or None");
  if (!stream) return;
  check(*stream != 0, ErrorCode::kUsage, kCudaInterface,
        "[\"stream\"] is 0, which the protocol forbids: 1 is CUDA's legacy default stream, 2 the "
        "thread's");
  sync.follow(reinterpret_cast<CUstream_st*>(*stream));
}

ForeignArray import_interface(const py::object& object) {
  const py::dict interface = interface_of(object);
  using Lengths = std::vector<int64_t>;
  ForeignArray array;
  const int version = required<int>(interface, "version", "an integer");
  check(version >= 2, ErrorCode::kUsage, kCudaInterface, " is of version ", version,
        "; 2 or newer is needed");
  array.shape = required<Lengths>(interface, "shape", "a tuple of integers");
  const auto dtype = dtype_of(required<std::string>(interface, "typestr", "a type's name"));
  array.dtype = py::str(dtype).cast<std::string>();
  array.item = dtype.itemsize();
  const auto address = required<std::pair<uintptr_t, bool>>(
      interface, "data", "an address and whether it is read-only");
  check(field<py::object>(interface, "mask", "None") == std::nullopt, ErrorCode::kUsage,
        "arrays with a mask cannot be read");
  const auto strides = field<Lengths>(interface, "strides", "a tuple of integers or None");
  array.strides = strides.value_or(contiguous_strides(array));
  check(array.strides.size() == array.shape.size(), ErrorCode::kUsage, kCudaInterface, " has ",
        array.shape.size(), " axes, but ", array.strides.size(), " strides");
  check_sizes(array);
  array.data = reinterpret_cast<const void*>(address.first);
  array.owner = object;
  // Which GPU it is the interface does not say.
  array.device = external_array_sync({DeviceType::kCuda, 0}).owner_of(array.data);
  check(array.device.type == DeviceType::kCuda, ErrorCode::kUsage, kCudaInterface,
        " names an address that is no memory of a GPU");
  ExternalArraySync& sync = external_array_sync(array.device);
  follow_stream(interface, sync);
  array.ready = sync.ready();
  return array;
}

}  // namespace

std::string ForeignArray::describe() const {
  return dtype + " " + to_string(shape) + " on " + device.to_string();
}

bool ForeignArray::is_contiguous() const {
  const std::vector<int64_t> expected = contiguous_strides(*this);
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] > 1 && strides[i] != expected[i]) return false;
  return true;
}

bool is_foreign_array(const py::handle& object) {
  if (py::isinstance<py::array>(object)) return false;
  return (py::hasattr(object, "__dlpack__") && py::hasattr(object, "__dlpack_device__")) ||
         py::hasattr(object, kCudaInterface);
}

ForeignArray import_array(const py::object& object) {
  const bool dlpack = py::hasattr(object, "__dlpack__") && py::hasattr(object, "__dlpack_device__");
  ForeignArray array = dlpack ? import_dlpack(object) : import_interface(object);
  check_sizes(array);
  if (array.device.type == DeviceType::kCuda) {
    const Device owner = external_array_sync(array.device).owner_of(array.data);
    check(owner == array.device, ErrorCode::kUsage, "the array says that it lies on ",
          array.device.to_string(), ", but its address is not in that device's memory");
  }
  return array;
}

TensorView clip_view(const ForeignArray& clip, const Shape& shape) {
  check(clip.dtype == "float32" && clip.shape == shape, ErrorCode::kUsage, "the clip is ",
        clip.describe(), "; this bundle needs float32 ", to_string(shape));
  check(clip.is_contiguous(), ErrorCode::kUsage, "the elements of the clip ", clip.describe(),
        " do not lie side by side in C's order; use its contiguous()");
  Shape batch = {1};
  batch.insert(batch.end(), shape.begin(), shape.end());
  return {const_cast<void*>(clip.data), DType::kFloat32, batch, clip.device, clip.ready};
}

}  // namespace tubecam
