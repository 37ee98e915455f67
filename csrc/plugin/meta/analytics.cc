// Built with TUBECAM_GST_ANALYTICS: where the headers of GStreamer 1.24's library are.
#include <gst/analytics/analytics.h>

#include "plugin/meta/regions.h"

namespace tubecam {

void add_analytics(GstBuffer* buffer, const std::vector<Box>& boxes, const RegionFacts& facts) {
  GstAnalyticsRelationMeta* results = gst_buffer_get_analytics_relation_meta(buffer);
  if (!results) results = gst_buffer_add_analytics_relation_meta(buffer);
  const GQuark label = g_quark_from_string(facts.label);
  const auto score = static_cast<gfloat>(facts.is_probability ? facts.score : -1);
  GstAnalyticsClsMtd decision;
  if (!gst_analytics_relation_meta_add_one_cls_mtd(results, score, label, &decision)) return;
  for (const Box& box : boxes) {
    const PixelBox p = pixels_of(box, facts);
    GstAnalyticsODMtd evidence;
    if (!gst_analytics_relation_meta_add_od_mtd(results, label, p.x, p.y, p.width, p.height, score,
                                                &evidence))
      return;
    gst_analytics_relation_meta_set_relation(results, GST_ANALYTICS_REL_TYPE_RELATE_TO, evidence.id,
                                             decision.id);
  }
}

}  // namespace tubecam
