// The boxes as GStreamer's own metadata: GstVideoRegionOfInterestMeta, and from 1.24 on GstAnalytics.
#pragma once

#include <gst/gst.h>

#include <vector>

#include "explain/tube.h"

namespace tubecam {

// What elements that know nothing of TubeCAM are told about a frame.
struct RegionFacts {
  const char* label = "";
  double score = 0;
  int width = 0, height = 0;  // of the picture, pixels
};

// A GstVideoRegionOfInterestMeta of type "tubecam" a box, with ids from 0 and a parameter structure
// "tubecam" (label, score, relevance).
void add_regions(GstBuffer* buffer, const std::vector<Box>& boxes, const RegionFacts& facts);
void remove_regions(GstBuffer* buffer);

// GStreamer's regions lose their parameters when they are scaled or cut: gives them those of the
// buffer that they come from.
void restore_region_parameters(GstBuffer* buffer, GstBuffer* before);

}  // namespace tubecam
