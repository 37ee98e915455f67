// NumPy arrays in and out: what comes in is checked, what goes out is a view that keeps its owner
// alive.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace tubecam {

inline std::string describe_array(const pybind11::array& array) {
  std::string text = pybind11::str(array.dtype()).cast<std::string>() + " [";
  for (pybind11::ssize_t i = 0; i < array.ndim(); ++i) {
    text += (i ? ", " : "") + std::to_string(array.shape(i));
  }
  return text + "]";
}

// A C-contiguous array of exactly this dtype and number of axes (copied only where strides demand
// it). `meaning` is what the caller expected, for the message: "a clip float32 [T, 3, H, W]".
template <typename T>
pybind11::array_t<T, pybind11::array::c_style> require_array(const pybind11::array& array, int axes,
                                                             const std::string& meaning) {
  const bool good = pybind11::isinstance<pybind11::array_t<T>>(array) && array.ndim() == axes;
  check(good, ErrorCode::kUsage, "expected ", meaning, ", not ", describe_array(array));
  return pybind11::array_t<T, pybind11::array::c_style>(array);  // throws what NumPy raises
}

// A read-only view of memory that `owner` holds.
template <typename T>
pybind11::array view_of(const T* data, const std::vector<pybind11::ssize_t>& shape,
                        pybind11::handle owner) {
  pybind11::array_t<T> view(shape, data, owner);
  pybind11::detail::array_proxy(view.ptr())->flags &=
      ~pybind11::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return std::move(view);
}

}  // namespace tubecam
