// The properties of `tubecam`: their description, their values, and what they mean to the core.
#pragma once

#include <gst/gst.h>

#include <string>

#include "explain/explainer.h"
#include "live/aligner.h"
#include "plugin/properties/enums.h"

namespace tubecam {

struct Settings {
  std::string bundle;  // empty: the packaged one
  int engine = 0;      // engine_type()
  std::string device = "cpu";
  std::string fallback = "none";
  int precision = 0;  // precision_type()
  int threads = 0;
  std::string cache_dir;
  Align align = Align::kLatest;
  LateWindows late_windows = LateWindows::kAuto;
  int method = 0;  // method_type()
  int target = -1;
  int hop = 4;
  float threshold = 0.5f;
  double budget_ms = 0;
  Padding padding = Padding::kNone;
  double sample_fps = 0;  // 0: the bundle's
  MethodOptions method_options;
  uint64_t max_held_bytes = uint64_t{512} << 20;  // 0: no limit

  ExplainerOptions options() const;  // throws kUsage for a device that is none
};

enum Property : guint {
  kPropBundle = 1,
  kPropEngine,
  kPropDevice,
  kPropFallback,
  kPropPrecision,
  kPropThreads,
  kPropCacheDir,
  kPropAlign,
  kPropLateWindows,
  kPropMethod,
  kPropTarget,
  kPropHop,
  kPropThreshold,
  kPropBudgetMs,
  kPropSteps,
  kPropBaseline,
  kPropNoise,
  kPropFrozenSlice,
  kPropSigma,
  kPropPadding,
  kPropSampleFps,
  kPropWindows,
  kPropDroppedWindows,
  kPropResets,
  kPropStats,
  kPropMaxHeldBytes,
};

void install_properties(GObjectClass* klass);

// One property's value in or out. False for one that is not a setting.
bool set_setting(Settings* settings, guint property, const GValue* value);
bool get_setting(const Settings& settings, guint property, GValue* value);

// A property's new value, kept.
struct Change {
  Change(guint id, const GValue* given) : property(id) {
    g_value_init(&value, G_VALUE_TYPE(given));
    g_value_copy(given, &value);
  }
  ~Change() { g_value_unset(&value); }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  const guint property;
  GValue value = G_VALUE_INIT;
};

// Passes them to a running explainer. Throws kUsage naming what would be valid; the explainer then
// goes on as before.
void apply_setting(const Settings& settings, guint property, Explainer* explainer);

// The bundle that is installed beside this plugin, or an empty string.
std::string packaged_bundle();

}  // namespace tubecam
