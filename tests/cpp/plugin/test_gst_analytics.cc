// The explanation as GStreamer's own analytics metadata, where its library was found.
#include <gst/analytics/analytics.h>

#include <cmath>

#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

std::vector<float> boxes_of(const GstStructure* fields) {
  auto* bytes = static_cast<GBytes*>(g_value_get_boxed(gst_structure_get_value(fields, "boxes")));
  gsize size = 0;
  const auto* data = static_cast<const float*>(g_bytes_get_data(bytes, &size));
  return {data, data + size / sizeof(float)};
}

// The boxes that the frame's detections agree with.
int checked_detections(GstBuffer* frame) {
  const GstStructure* fields = annotation_of(frame);
  double score = 0;
  gst_structure_get_double(fields, "score", &score);
  const GQuark label = g_quark_from_string(gst_structure_get_string(fields, "label"));
  GstAnalyticsRelationMeta* results = gst_buffer_get_analytics_relation_meta(frame);
  EXPECT_NE(results, nullptr);
  if (!results) return 0;
  GstAnalyticsClsMtd decision;
  EXPECT_TRUE(gst_analytics_relation_meta_get_cls_mtd(results, 0, &decision));
  EXPECT_EQ(gst_analytics_cls_mtd_get_length(&decision), 1u);
  EXPECT_EQ(gst_analytics_cls_mtd_get_quark(&decision, 0), label);
  EXPECT_NEAR(gst_analytics_cls_mtd_get_level(&decision, 0), score, 1e-6);
  const std::vector<float> boxes = boxes_of(fields);
  const guint count = static_cast<guint>(boxes.size() / 5);
  EXPECT_EQ(gst_analytics_relation_get_length(results), count + 1);
  for (guint i = 0; i < count; ++i) {
    GstAnalyticsODMtd found;
    EXPECT_TRUE(gst_analytics_relation_meta_get_od_mtd(results, i + 1, &found));
    gint x, y, width, height;
    gfloat sure;
    gst_analytics_od_mtd_get_location(&found, &x, &y, &width, &height, &sure);
    EXPECT_EQ(x, std::lround(boxes[5 * i] * 64));
    EXPECT_EQ(y, std::lround(boxes[5 * i + 1] * 48));
    EXPECT_EQ(gst_analytics_od_mtd_get_obj_type(&found), label);
    EXPECT_TRUE(gst_analytics_relation_meta_get_direct_related(
        results, found.id, GST_ANALYTICS_REL_TYPE_RELATE_TO, gst_analytics_cls_mtd_get_mtd_type(),
        nullptr, &decision));
  }
  return static_cast<int>(count);
}

TEST(Analytics, LabelScoreAndBoxesAreThere) {
  Rig rig("tubecam", {{"align", "delayed"}, {"threshold", "0.2"}});
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(kWindow);
  rig.end();
  int found = 0;
  for (const BufferPtr& frame : rig.take()) found += checked_detections(frame.get());
  EXPECT_GT(found, 0);
}

TEST(Analytics, WhatOthersFoundStays) {
  Rig rig("tubecam", delayed());
  const std::string caps = video_caps("RGB", 64, 48);
  rig.caps(caps);
  for (int i = 0; i < kWindow; ++i) {
    GstBuffer* buffer = picture(caps, i * kFrame, i);
    GstAnalyticsODMtd cat;
    gst_analytics_relation_meta_add_od_mtd(gst_buffer_add_analytics_relation_meta(buffer),
                                           g_quark_from_string("cat"), 1, 2, 3, 4, 0.5f, &cat);
    gst_harness_push(rig.harness(), buffer);
  }
  rig.end();
  for (const BufferPtr& frame : rig.take()) {
    GstAnalyticsODMtd first;
    auto* results = gst_buffer_get_analytics_relation_meta(frame.get());
    ASSERT_TRUE(gst_analytics_relation_meta_get_od_mtd(results, 0, &first));
    EXPECT_EQ(gst_analytics_od_mtd_get_obj_type(&first), g_quark_from_string("cat"));
    EXPECT_GT(gst_analytics_relation_get_length(results), 1u);
  }
}

}  // namespace
}  // namespace tubecam::testing
