// The grid on which the tubes of several explained layers are joined.
#pragma once

#include <vector>

#include "bundle/bundle.h"

namespace tubecam {

// One layer's own. Of several, in each of t, y and x the axis of the one that has the most cells
// there, of those the one whose cells are the largest. It is named after all ("slow + fast") and of
// shape [1, t, h, w]; a cell sees what the widest of them sees.
LayerSpec joined_layer(const std::vector<ExplainedLayer>& layers);

}  // namespace tubecam
