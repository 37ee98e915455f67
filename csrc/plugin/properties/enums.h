// The choices that properties offer, as GEnum types: nicks are the words of launch lines.
#pragma once

#include <gst/gst.h>

namespace tubecam {

GType align_type();         // Align: latest, delayed
GType late_windows_type();  // LateWindows
GType engine_type();        // EngineOptions::engine
GType precision_type();     // EngineOptions::precision
GType method_type();        // auto, then every method of this version
GType baseline_type();      // Baseline
GType padding_type();       // Padding
GType show_type();
GType color_map_type();  // ColorMap

enum class LateWindows { kAuto, kDrop, kWait };

const char* enum_nick(GType type, int value);

}  // namespace tubecam
