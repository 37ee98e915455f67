// Work without the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include "base/at_work.h"

namespace tubecam {

class Released {
  pybind11::gil_scoped_release gil_;
  AtWork at_work_;  // ends first: a fork waits for it and holds the GIL
};

}  // namespace tubecam
