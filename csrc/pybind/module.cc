// tubecam._core: the compiled part of the Python package.
#include "pybind/gil/released.h"
#include "pybind/register.h"

PYBIND11_MODULE(_core, module) {
  module.doc() =
      "Compiled core of TubeCAM. Use the package tubecam, which documents and checks what it "
      "takes.";
  module.attr("__version__") = TUBECAM_VERSION;
  tubecam::watch_forks();
  tubecam::register_errors(module);
  tubecam::register_choices(module);
  tubecam::register_clip(module);
  tubecam::register_engine(module);
  tubecam::register_tube(module);
  tubecam::register_explanation(module);
  tubecam::register_explain(module);
  tubecam::register_overlay(module);
}
