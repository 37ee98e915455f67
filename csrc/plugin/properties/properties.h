// The properties of `tubecam`: their description, their values, and what they mean to the core.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

#include "explain/explainer.h"
#include "live/policies.h"
#include "live/stream_counts.h"
#include "plugin/properties/property.h"

namespace tubecam {

struct Settings {
  std::string bundle;  // empty: the packaged one
  std::string device = "cpu";
  std::string method = "auto";
  ExplainerOptions explain;  // but for device and method
  Align align = Align::kLatest;
  LateWindows late_windows = LateWindows::kAuto;
  Padding padding = Padding::kNone;
  double sample_fps = 0;                          // 0: the bundle's
  uint64_t max_held_bytes = uint64_t{512} << 20;  // 0: no limit

  ExplainerOptions options() const;  // throws kUsage for a device that is none
};

// A property that may be set.
class Setting : public Property<Settings> {
 public:
  using Apply = void (*)(const Settings& settings, Explainer* explainer);

  // apply: of those that may change while it plays.
  template <typename Place, typename Kind>
  Setting(const Title& title, GParamFlags flags, Place place, Kind kind, Apply apply = nullptr)
      : Property(title, flags, place, kind), apply_(apply) {}

  // Sets a running explainer so. Throws kUsage naming what would be valid; the explainer then goes
  // on as before.
  void apply(const Settings& settings, Explainer* explainer) const {
    if (apply_) apply_(settings, explainer);
  }

 private:
  Apply apply_;
};

const std::vector<Setting>& setting_properties();
const std::vector<Property<StreamCounts>>& count_properties();  // read-only

// Settings, then counts.
void install_properties(GObjectClass* klass);

// Null for a property that is none.
const Setting* find_setting(guint property);
const Property<StreamCounts>* find_count(guint property);

// A property's new value, kept.
struct Change {
  Change(const Setting* changed, const GValue* given) : setting(changed) {
    g_value_init(&value, G_VALUE_TYPE(given));
    g_value_copy(given, &value);
  }
  ~Change() { g_value_unset(&value); }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  const Setting* const setting;
  GValue value = G_VALUE_INIT;
};

// The bundle that is installed beside this plugin, or an empty string.
std::string packaged_bundle();

}  // namespace tubecam
