// A tube on a GPU for other libraries: by DLPack and by __cuda_array_interface__, without a copy.
#pragma once

#include <pybind11/pybind11.h>

namespace tubecam {

void register_device_tube(pybind11::module_& module);  // DeviceTube

}  // namespace tubecam
