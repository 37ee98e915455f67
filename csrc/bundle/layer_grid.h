// The grid on which the tubes of several explained layers are joined.
#pragma once

#include <vector>

#include "bundle/bundle.h"

namespace tubecam {

// In each of t, y and x the axis of the pathway that has the most cells there, of those the one
// whose cells are the largest. Named after the pathways ("slow + fast"), of shape [1, t, h, w]; a
// cell sees what the widest of them sees.
LayerSpec joined_layer(const std::vector<PathwaySpec>& pathways);

}  // namespace tubecam
