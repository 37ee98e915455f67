// A part of a stream's signal as two arrays.
#pragma once

#include <pybind11/numpy.h>

#include <vector>

#include "explain/tube/relevance_signal.h"

namespace tubecam {

// Times int64 [n] in ns, and values float32 [n].
inline pybind11::tuple samples_of(const std::vector<RelevanceSignal::Sample>& samples) {
  pybind11::array_t<int64_t> pts(static_cast<pybind11::ssize_t>(samples.size()));
  pybind11::array_t<float> values(static_cast<pybind11::ssize_t>(samples.size()));
  for (size_t i = 0; i < samples.size(); ++i) {
    pts.mutable_data()[i] = samples[i].pts;
    values.mutable_data()[i] = samples[i].value;
  }
  return pybind11::make_tuple(pts, values);
}

}  // namespace tubecam
