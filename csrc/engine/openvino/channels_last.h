// Where the channels of a tensor lie: first, as ONNX has them, or last, as our operations do.
#pragma once

#include <openvino/core/model.hpp>

namespace tubecam {

// Note [Rows]
// With channels last a tensor is a matrix, [t·h·w, C]. A fifth dimension more would do for our own
// operations, but OpenVINO may lay out anything of five dimensions with its second one last. What
// such a tensor and a neighbour's [1, C, t, h, w] differ in is then a matter of names, and costs
// nothing.

// [1, C, t, h, w] → [t·h·w, C]. What channels_first() made is undone by taking its input.
ov::Output<ov::Node> channels_last(const ov::Output<ov::Node>& value);
// [t·h·w, C] → `shape`, [1, C, t, h, w].
ov::Output<ov::Node> channels_first(const ov::Output<ov::Node>& rows, const ov::Shape& shape);

// Lets the elementwise operations that stand beside ours work on rows as well, so that masks and
// products between our operations need no transposing.
void spread_channels_last(const std::shared_ptr<ov::Model>& model);

}  // namespace tubecam
