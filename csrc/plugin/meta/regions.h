// The boxes as GStreamer's own metadata: GstVideoRegionOfInterestMeta, and from 1.24 on
// GstAnalytics.
#pragma once

#include <gst/gst.h>

#include <vector>

#include "explain/tube/tube.h"

namespace tubecam {

// What elements that know nothing of TubeCAM learn about a frame.
struct RegionFacts {
  const char* label = "";
  double score = 0;
  bool is_probability = true;  // the score
  int width = 0, height = 0;   // of the picture, pixels
};

struct PixelBox {
  int x, y, width, height;
};
PixelBox pixels_of(const Box& box, const RegionFacts& facts);  // cut at the picture's edges

// A GstVideoRegionOfInterestMeta of type "tubecam" a box, with ids from 0 and a parameter structure
// "tubecam" (label, score, relevance). Where it was built, GstAnalytics besides.
void add_regions(GstBuffer* buffer, const std::vector<Box>& boxes, const RegionFacts& facts);
void remove_regions(GstBuffer* buffer);

// GStreamer's regions lose their parameters when they are scaled or cut: gives them those of the
// buffer that they come from.
void restore_region_parameters(GstBuffer* buffer, GstBuffer* before);

// A classification with the label and its score, and for each box an object detection of that label
// that relates to it; their confidence is the score, or −1 where that is no probability. What
// others found in the frame stays.
void add_analytics(GstBuffer* buffer, const std::vector<Box>& boxes, const RegionFacts& facts);

}  // namespace tubecam
