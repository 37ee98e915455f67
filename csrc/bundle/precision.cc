#include "bundle/precision.h"

#include <limits>

#include "base/error.h"

namespace tubecam {
namespace {

GraphSpec reference_of(const GraphSpec& graph) {
  GraphSpec reference = graph;
  reference.file = graph.reference;
  reference.sha256 = graph.reference_sha256;
  reference.precision = "float32";
  reference.reference.clear();
  reference.reference_sha256.clear();
  reference.map_correlation = std::numeric_limits<double>::quiet_NaN();
  reference.exceeds_drift_limit = false;
  return reference;
}

}  // namespace

std::string type_name(const std::string& option) {
  if (option == "fp32") return "float32";
  if (option == "fp16") return "float16";
  if (option == "bf16") return "bfloat16";
  return option;
}

GraphSpec graph_in(const Bundle& bundle, const GraphSpec& graph, const std::string& precision) {
  if (precision == "auto" || type_name(precision) == graph.precision) return graph;
  if (precision == "int8") {
    check(bundle.precision == "int8", ErrorCode::kUsage, "the bundle ", bundle.name,
          " quantises nothing, it computes in ", bundle.precision,
          ": export it with `tubecam export … --precision int8 --calibrate VIDEO`, or choose "
          "another precision");
    return graph;
  }
  return graph.reference.empty() ? graph : reference_of(graph);
}

}  // namespace tubecam
