#include "plugin/frame_mark.h"

namespace tubecam {

void register_frame_mark() {
  static const gchar* no_tags[] = {nullptr};
  static gsize once = 0;
  if (!g_once_init_enter(&once)) return;
  gst_meta_register_custom(kMarkName, no_tags, nullptr, nullptr, nullptr);
  g_once_init_leave(&once, 1);
}

void mark_frame(GstBuffer* buffer, bool explained) {
  GstCustomMeta* mark = gst_buffer_get_custom_meta(buffer, kMarkName);
  if (!mark) mark = gst_buffer_add_custom_meta(buffer, kMarkName);
  gst_structure_set(gst_custom_meta_get_structure(mark), "explained", G_TYPE_BOOLEAN,
                    gboolean{explained}, nullptr);
}

FrameMark mark_of(GstBuffer* buffer) {
  GstCustomMeta* mark = gst_buffer_get_custom_meta(buffer, kMarkName);
  if (!mark) return FrameMark::kNone;
  gboolean explained = FALSE;
  gst_structure_get_boolean(gst_custom_meta_get_structure(mark), "explained", &explained);
  return explained ? FrameMark::kExplained : FrameMark::kUnexplained;
}

}  // namespace tubecam
