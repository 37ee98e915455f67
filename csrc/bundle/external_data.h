// The files that an ONNX graph keeps its weights in.
#pragma once

#include <set>
#include <string>

#include "base/export.h"

namespace tubecam {

// The locations of all tensors that the graph stores outside of itself, as it names them: of its
// initializers, of constants in its nodes, also in subgraphs and functions. The values themselves
// are not read. Throws kBundle for a file that is no ONNX graph.
TUBECAM_API std::set<std::string> external_data(const std::string& onnx_file);

}  // namespace tubecam
