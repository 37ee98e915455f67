// Arrays of other libraries, in system memory or on a GPU, without copies: by DLPack, or by
// __cuda_array_interface__.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "base/tensor.h"

namespace tubecam {

// Note [Streams of other libraries]
// A producer on a GPU may still be at work when it hands an array over. DLPack gets the stream
// of our sync and lets that wait; __cuda_array_interface__ names the producer's stream, which the
// sync then follows, or none, when the values are there. Either way `ready` is the event that
// readers wait for on the device; the host does not.
struct ForeignArray {
  const void* data = nullptr;
  Device device;
  std::string dtype;             // as NumPy names it: "float32"
  int64_t item = 1;              // bytes of an element
  std::vector<int64_t> shape;    // elements
  std::vector<int64_t> strides;  // bytes
  CUevent_st* ready = nullptr;   // on a GPU, as TensorView's
  pybind11::object owner;        // keeps the memory

  std::string describe() const;  // "float32 [16, 3, 112, 112] on cuda:0"
  bool is_contiguous() const;
};

// Whether an object is no NumPy array and speaks one of the two protocols.
bool is_foreign_array(const pybind11::handle& object);

// Throws kUsage for what breaks the protocols, is of another kind of device, or names memory that
// is not the GPU's; kUnavailable where arrays on a GPU cannot be read: a build without CUDA, no
// driver.
ForeignArray import_array(const pybind11::object& object);

// The clip [T, 3, H, W] = `shape` as a view [1, T, 3, H, W]. Throws kUsage unless it has this
// shape, is float32 and C-contiguous.
TensorView clip_view(const ForeignArray& clip, const Shape& shape);

}  // namespace tubecam
