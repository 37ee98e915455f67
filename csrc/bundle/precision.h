// The names of precisions, and which of a bundle's graphs computes in one.
#pragma once

#include <string>

#include "base/choice.h"
#include "base/export.h"
#include "bundle/bundle.h"

namespace tubecam {

// Note [Precision of a graph]
// A graph that computes in int8 or float16 has the float32 graph that it was made from beside it
// (GraphSpec::reference). "auto" runs the graph itself, as "int8" does in a bundle of int8 for its
// graphs of float32, which that bundle keeps on purpose; any other precision than the graph's own
// runs the reference, and the engine computes that in the precision that is asked for.

inline constexpr Word kPrecisions[] = {
    {"float32", "32-bit floating point"},
    {"float16", "16-bit floating point"},
    {"bfloat16", "16-bit floating point with the range of float32"},
    {"int8", "8-bit integers, of a bundle that quantises"},
};

// The short words of version 0.1, which 0.2 still takes from launch lines, the command line and
// Python: each name stands for the word that is its meaning.
inline constexpr Word kOldPrecisions[] = {
    {"fp32", "float32"}, {"fp16", "float16"}, {"bf16", "bfloat16"}};

// What an engine is asked for: "auto", or one of kPrecisions, old words made new. Throws kUsage
// for others.
TUBECAM_API std::string parse_precision(const std::string& name);

// The graph that runs under EngineOptions::precision. Throws as parse_precision() does, and kUsage
// where int8 is asked for and nothing is quantised; says how to export such a bundle.
TUBECAM_API GraphSpec graph_in(const Bundle& bundle, const GraphSpec& graph,
                               const std::string& precision);

}  // namespace tubecam
