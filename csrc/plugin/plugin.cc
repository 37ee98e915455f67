// The plugin's description and its elements.

#include <gst/gst.h>

#include "plugin/elements/overlay_element.h"
#include "plugin/elements/tubecam_element.h"
#include "plugin/meta/frame_stamp.h"
#include "plugin/meta/meta.h"

namespace {

gboolean plugin_init(GstPlugin* plugin) {
  tubecam::register_meta();
  tubecam::register_frame_stamp();
  return gst_element_register(plugin, "tubecam", GST_RANK_NONE, gst_tubecam_get_type()) &&
         gst_element_register(plugin, "tubeoverlay", GST_RANK_NONE, gst_tube_overlay_get_type());
}

// Cores before 1.20.3 refuse a plugin whose licence they have not heard of, and they had not heard
// of Apache's.
const gchar* license() {
  guint major, minor, micro, nano;
  gst_version(&major, &minor, &micro, &nano);
  return major == 1 && minor == 20 && micro < 3 ? GST_LICENSE_UNKNOWN : "Apache 2.0";
}

}  // namespace

// As GST_PLUGIN_DEFINE writes it, but for the licence, which is chosen at run time.
extern "C" GST_PLUGIN_EXPORT const GstPluginDesc* gst_plugin_tubecam_get_desc(void) {
  static const GstPluginDesc description = {
      GST_VERSION_MAJOR, GST_VERSION_MINOR, "tubecam", "Explains video models while they run",
      plugin_init,       TUBECAM_VERSION,   license(), "tubecam",
      "TubeCAM",         "TubeCAM",         nullptr,   {nullptr}};
  return &description;
}

extern "C" GST_PLUGIN_EXPORT void gst_plugin_tubecam_register(void) {
  const GstPluginDesc* d = gst_plugin_tubecam_get_desc();
  gst_plugin_register_static(d->major_version, d->minor_version, d->name, d->description,
                             d->plugin_init, d->version, d->license, d->source, d->package,
                             d->origin);
}
