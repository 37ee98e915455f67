// The names of precisions, and which of a bundle's graphs computes in one.
#pragma once

#include <string>

#include "base/export.h"
#include "bundle/bundle.h"

namespace tubecam {

// Note [Precision of a graph]
// A graph that computes in int8 or float16 has the float32 graph that it was made from beside it
// (GraphSpec::reference). "auto" runs the graph itself, as "int8" does in a bundle of int8 for its
// graphs of float32, which that bundle keeps on purpose; any other precision than the graph's own
// runs the reference, and the engine computes that in the precision that is asked for.

// A graph's word for an option: "fp32" is "float32". Others, "int8" among them, stay as they are.
std::string type_name(const std::string& option);

// The graph that runs under EngineOptions::precision. Throws kUsage where int8 is asked for and
// nothing is quantised; says how to export such a bundle.
TUBECAM_API GraphSpec graph_in(const Bundle& bundle, const GraphSpec& graph,
                               const std::string& precision);

}  // namespace tubecam
