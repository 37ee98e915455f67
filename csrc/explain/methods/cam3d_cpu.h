// The CPU loops of cam3d; arguments are already checked.
#pragma once

#include "explain/methods/cam3d.h"

namespace tubecam {

// relevance: [t, h, w] float64, before ReLU. False when a weight or gradient is NaN or infinite;
// those of the activation come out in `relevance`.
bool accumulate_relevance_cpu(const CamInput& input, CamMethod method, double* relevance);

}  // namespace tubecam
