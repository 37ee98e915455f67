// The choices that properties offer, as GEnum types: names are the words of launch lines, as the
// tables have them that the values come from (base/choice.h).
#pragma once

#include <gst/gst.h>

#include <string>

namespace tubecam {

GType align_type();
GType late_windows_type();
GType engine_type();
GType precision_type();
GType method_type();  // auto, then every method of this version
GType baseline_type();
GType padding_type();
GType show_type();
GType color_map_type();

std::string enum_name(GType type, int value);
int enum_value(GType type, const std::string& name);

}  // namespace tubecam
