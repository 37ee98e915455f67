// Which graphs OpenVINO must compile without its fused elementwise subgraphs.
#pragma once

#include <openvino/core/model.hpp>

namespace tubecam {

// Note [Snippets]
// OpenVINO's CPU plugin compiles elementwise operations into subgraphs, its snippets. Beforehand it
// closes some whole patterns: products of matrices in a row with elementwise operations or a
// softmax between them, and group normalisation. Version 2026.4.1 reads a null pointer, and the
// process dies, when an elementwise operation reads both a closed subgraph and another one; LRP's
// quotients behind a head of several layers do. A product is closed when it has rows enough for all
// threads, so that with one thread it happens to graphs that compile with two.
// Such graphs are compiled without snippets; they are then slower by up to a quarter.
bool must_avoid_snippets(const ov::Model& model);

}  // namespace tubecam
