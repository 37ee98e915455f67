// Where and when a tube is strong: curve, peak and boxes of an explanation.
#pragma once

#include "explain/explanation.h"
#include "explain/methods/cam3d.h"

namespace tubecam {

// Fills in the curve, the peak, its time and place in the frame, and the boxes around what reaches
// `threshold` of the tube's maximum at the peak's time.
void find_peak_and_boxes(const CamStats& stats, float threshold, const ClipSpec& spec,
                         Explanation* result);

}  // namespace tubecam
