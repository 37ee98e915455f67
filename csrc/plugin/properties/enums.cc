#include "plugin/properties/enums.h"

#include <algorithm>
#include <vector>

#include "bundle/method_table.h"
#include "bundle/precision.h"
#include "clip/sampling.h"
#include "engine/engine.h"
#include "explain/methods/multi_pass.h"
#include "live/policies.h"
#include "overlay/heat/colormap.h"
#include "overlay/heat/show.h"

namespace tubecam {
namespace {

// Descriptions are what gst-inspect-1.0 prints.
using Values = std::vector<GEnumValue>;

template <typename Value, size_t kCount>
Values values_of(const Choice<Value> (&table)[kCount]) {
  Values values;
  for (const auto& choice : table)
    values.push_back({static_cast<int>(choice.value), choice.meaning, choice.name});
  return values;
}

// "auto" is 0, the words count from 1.
template <size_t kCount>
Values auto_or(const char* automatic, const Word (&table)[kCount]) {
  Values values = {{0, automatic, "auto"}};
  for (const Word& word : table)
    values.push_back({static_cast<int>(values.size()), word.meaning, word.name});
  return values;
}

Values values_of(const std::vector<Method>& table) {
  Values values = {{0, "The bundle's default", "auto"}};
  for (const Method& method : table) values.push_back({method.number, method.meaning, method.name});
  return values;
}

// A value's first name is the one that is shown; the others are taken, too.
Values with_old_precisions(Values values) {
  for (const Word& old : kOldPrecisions) {
    const auto* now = find_choice(kPrecisions, old.meaning);
    values.push_back({static_cast<int>(now - kPrecisions) + 1, "Its name before 0.2", old.name});
  }
  return values;
}

// The values live as long as the type, which holds them.
GType make_enum(const char* name, const Values& values) {
  auto* kept = new GEnumValue[values.size() + 1]();  // the last one ends the list
  std::copy(values.begin(), values.end(), kept);
  const GType type = g_enum_register_static(name, kept);
  gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
  return type;
}

}  // namespace

GType align_type() {
  static const GType type = make_enum("GstTubecamAlign", values_of(kAlignments));
  return type;
}

GType late_windows_type() {
  static const GType type = make_enum("GstTubecamLateWindows", values_of(kLateWindows));
  return type;
}

GType engine_type() {
  static const GType type =
      make_enum("GstTubecamEngine", auto_or("The best one for the device", kEngines));
  return type;
}

GType precision_type() {
  static const GType type = make_enum(
      "GstTubecamPrecision", with_old_precisions(auto_or("The engine's choice", kPrecisions)));
  return type;
}

GType method_type() {
  static const GType type = make_enum("GstTubecamMethod", values_of(method_table()));
  return type;
}

GType baseline_type() {
  static const GType type = make_enum("GstTubecamBaseline", values_of(kBaselines));
  return type;
}

GType padding_type() {
  static const GType type = make_enum("GstTubecamPadding", values_of(kPaddings));
  return type;
}

GType show_type() {
  static const GType type = make_enum("GstTubecamShow", values_of(kShows));
  return type;
}

GType color_map_type() {
  static const GType type = make_enum("GstTubecamColorMap", values_of(kColorMaps));
  return type;
}

std::string enum_name(GType type, int value) {
  auto* enums = static_cast<GEnumClass*>(g_type_class_ref(type));
  const GEnumValue* found = g_enum_get_value(enums, value);
  g_type_class_unref(enums);
  return found ? found->value_nick : "";
}

int enum_value(GType type, const std::string& name) {
  auto* enums = static_cast<GEnumClass*>(g_type_class_ref(type));
  const GEnumValue* found = g_enum_get_value_by_nick(enums, name.c_str());
  g_type_class_unref(enums);
  return found ? found->value : 0;
}

}  // namespace tubecam
