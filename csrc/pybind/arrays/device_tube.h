// A tube on a GPU for other libraries, by DLPack and by __cuda_array_interface__: a copy unless it
// is borrowed.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "explain/device/device_cam.h"

namespace tubecam {

// Python's object; None for nullptr.
pybind11::object hand_out(const std::shared_ptr<const DeviceTube>& tube);

void register_device_tube(pybind11::module_& module);  // DeviceTube

}  // namespace tubecam
