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

std::string parse_precision(const std::string& name) {
  const Word* old = find_choice(kOldPrecisions, name);
  const std::string word = old ? old->meaning : name;
  check(word == "auto" || find_choice(kPrecisions, word), ErrorCode::kUsage, "unknown precision \"",
        name, "\": choose auto, ", listed(kPrecisions));
  return word;
}

GraphSpec graph_in(const Bundle& bundle, const GraphSpec& graph, const std::string& option) {
  const std::string precision = parse_precision(option);
  if (precision == "auto" || precision == graph.precision) return graph;
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
