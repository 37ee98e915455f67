#include "plugin/meta/frame_stamp.h"

namespace tubecam {

void register_frame_stamp() {
  static const gchar* no_tags[] = {nullptr};
  static gsize once = 0;
  if (!g_once_init_enter(&once)) return;
  gst_meta_register_custom(kStampName, no_tags, nullptr, nullptr, nullptr);
  g_once_init_leave(&once, 1);
}

void stamp_frame(GstBuffer* buffer, bool explained) {
  GstCustomMeta* stamp = gst_buffer_get_custom_meta(buffer, kStampName);
  if (!stamp) stamp = gst_buffer_add_custom_meta(buffer, kStampName);
  gst_structure_set(gst_custom_meta_get_structure(stamp), "explained", G_TYPE_BOOLEAN,
                    gboolean{explained}, nullptr);
}

FrameStamp stamp_of(GstBuffer* buffer) {
  GstCustomMeta* stamp = gst_buffer_get_custom_meta(buffer, kStampName);
  if (!stamp) return FrameStamp::kNone;
  gboolean explained = FALSE;
  gst_structure_get_boolean(gst_custom_meta_get_structure(stamp), "explained", &explained);
  return explained ? FrameStamp::kExplained : FrameStamp::kUnexplained;
}

}  // namespace tubecam
