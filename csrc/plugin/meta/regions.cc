#include "plugin/meta/regions.h"

#include <gst/video/video.h>

#include <algorithm>
#include <cmath>

#include "plugin/meta/meta.h"

namespace tubecam {
namespace {

using Region = GstVideoRegionOfInterestMeta;

// The next region of ours; `state` begins as nullptr.
Region* next_region(GstBuffer* buffer, gpointer* state) {
  const GQuark type = g_quark_from_static_string(kMetaName);
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(
             buffer, state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    auto* region = reinterpret_cast<Region*>(meta);
    if (region->roi_type == type) return region;
  }
  return nullptr;
}

}  // namespace

PixelBox pixels_of(const Box& box, const RegionFacts& facts) {
  const auto pixel = [](double share, int size) {
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * size));
  };
  const int x = pixel(box.x, facts.width), y = pixel(box.y, facts.height);
  return {x, y, pixel(double{box.x} + box.width, facts.width) - x,
          pixel(double{box.y} + box.height, facts.height) - y};
}

void add_regions(GstBuffer* buffer, const std::vector<Box>& boxes, const RegionFacts& facts) {
  int id = 0;
  for (const Box& box : boxes) {
    const PixelBox p = pixels_of(box, facts);
    Region* region = gst_buffer_add_video_region_of_interest_meta(buffer, kMetaName, p.x, p.y,
                                                                  p.width, p.height);
    region->id = id++;
    gst_video_region_of_interest_meta_add_param(
        region,
        gst_structure_new(kMetaName, "label", G_TYPE_STRING, facts.label, "score", G_TYPE_DOUBLE,
                          facts.score, "relevance", G_TYPE_DOUBLE, double{box.value}, nullptr));
  }
#ifdef TUBECAM_GST_ANALYTICS
  add_analytics(buffer, boxes, facts);
#endif
}

void remove_regions(GstBuffer* buffer) {
  gpointer state = nullptr;
  while (Region* region = next_region(buffer, &state)) {
    gst_buffer_remove_meta(buffer, &region->meta);
    state = nullptr;  // the iterator may have stood on it
  }
}

void restore_region_parameters(GstBuffer* buffer, GstBuffer* before) {
  gpointer state = nullptr;
  while (Region* region = next_region(buffer, &state)) {
    if (gst_video_region_of_interest_meta_get_param(region, kMetaName)) continue;
    gpointer old_state = nullptr;
    while (Region* old = next_region(before, &old_state)) {
      const GstStructure* parameters = gst_video_region_of_interest_meta_get_param(old, kMetaName);
      if (old->id != region->id || !parameters) continue;
      gst_video_region_of_interest_meta_add_param(region, gst_structure_copy(parameters));
      break;
    }
  }
}

}  // namespace tubecam
