#include "plugin/meta/meta.h"

#include <gst/video/video.h>

#include <vector>

#include "explain/field_values.h"
#include "plugin/meta/meta_fields.h"
#include "plugin/meta/meta_transform.h"
#include "plugin/meta/regions.h"

namespace tubecam {
namespace {

std::vector<Box> boxes_at(const Explanation& e, double slice, float threshold) {
  if (!e.valid || e.peak.value <= 0) return {};
  const TubeView tube = e.view();
  std::vector<float> plane(size_t{1} * tube.h * tube.w);
  tube_plane(tube, slice, plane.data());
  return plane_boxes(plane.data(), tube, e.clip[1], e.clip[2], box_of(e.window.relative_source()),
                     threshold * e.peak.value);
}

void remove_older(GstBuffer* buffer) {
  while (GstCustomMeta* older = gst_buffer_get_custom_meta(buffer, kMetaName)) {
    gst_buffer_remove_meta(buffer, &older->meta);
  }
  remove_regions(buffer);
}

}  // namespace

void register_meta() {
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                                GST_META_TAG_VIDEO_ORIENTATION_STR, nullptr};
  static gsize once = 0;
  if (!g_once_init_enter(&once)) return;
  gst_meta_register_custom(kMetaName, tags, transform_meta, nullptr, nullptr);
  g_once_init_leave(&once, 1);
}

GstStructure* add_meta(GstBuffer* buffer) {
  return gst_custom_meta_get_structure(gst_buffer_add_custom_meta(buffer, kMetaName));
}

GstStructure* describe(const Explanation& explanation) {
  GstStructure* fields = gst_structure_new_empty(kMetaName);
  for_each_field(explanation, [fields](const std::string& name, const FieldValue& value) {
    set_field(fields, name, value);
  });
  return fields;
}

void attach(GstBuffer* buffer, const GstStructure* fields, const Explanation& explanation,
            const FrameFacts& facts) {
  remove_older(buffer);
  const double slice = slice_at(explanation.window, facts.pts);
  const std::vector<Box> boxes = boxes_at(explanation, slice, facts.threshold);
  add_regions(buffer, boxes,
              {explanation.label.c_str(), explanation.score, explanation.head != HeadKind::kScores,
               facts.width, facts.height});
  GstStructure* own = add_meta(buffer);  // after the regions: see restore_region_parameters()
  copy_fields(fields, own);
  const std::vector<int64_t>& times = explanation.window.pts;
  const bool inside = times.front() <= facts.pts && facts.pts <= times.back();
  set_fields(own, {{"timestamp", uint64_t(facts.pts)},
                   {"slice", slice},
                   {"inside", inside},
                   {"threshold", double{facts.threshold}},
                   {"frame-width", facts.width},
                   {"frame-height", facts.height}});
  set_boxes(own, boxes);
}

}  // namespace tubecam
