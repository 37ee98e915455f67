#include "plugin/properties/enums.h"

#include <utility>
#include <vector>

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

// A value's first name is the one that is shown; the others are taken, too.
Values with_old_precisions(Values values) {
  for (const Word& old : kOldPrecisions) {
    const auto* now = find_choice(kPrecisions, old.meaning);
    values.push_back({static_cast<int>(now - kPrecisions) + 1, "Its name before 0.2", old.name});
  }
  return values;
}

// The values have to live as long as the type.
GType make_enum(const char* name, Values values) {
  values.push_back({0, nullptr, nullptr});
  const auto& kept = *new Values(std::move(values));
  const GType type = g_enum_register_static(name, kept.data());
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
  static const Values values = {
      {0, "The bundle's default", "auto"},
      {1, "Grad-CAM: gradient averaged over the window", "gradcam"},
      {2, "CAM (Saliency Tubes): the head's weights, signed", "cam"},
      {3, "Grad-CAM with gradients averaged for each time step", "gradcam-frame"},
      {4, "HiResCAM: gradient times activation, signed", "hirescam"},
      {5, "LayerCAM: positive gradient times activation", "layercam"},
      {6, "Grad-CAM++", "gradcam++"},
      {7, "XGrad-CAM", "xgradcam"},
      {8, "Magnitude of the logit's gradient", "sensitivity"},
      {9, "Gradient times input, signed", "gradient-x-input"},
      {10, "Deconvolution: positive signals pass backwards", "deconvolution"},
      {11, "Guided backpropagation", "guided-backprop"},
      {12, "Epsilon-LRP, signed", "lrp-epsilon"},
      {13, "LRP alpha 1, beta 0 (z-plus)", "lrp-alpha1beta0"},
      {14, "Deep Taylor: z-plus, the clip's range in the first layer", "deep-taylor"},
      {15, "LRP: epsilon in the head, z-plus in convolutions", "lrp-epsilon-plus"},
      {16, "The same, flat in the first layer", "lrp-epsilon-plus-flat"},
      {17, "Excitation backpropagation", "excitation-backprop"},
      {18, "DeepLIFT, rescale rule: differences from a reference clip", "deeplift"},
      {19, "Integrated gradients along the way from a baseline", "integrated-gradients"},
      {20, "SmoothGrad: gradient averaged over noisy clips", "smoothgrad"},
      {21, "Expected gradients (gradient SHAP)", "gradient-shap"},
      {22, "The default method, split into motion and what stays in a frozen clip", "motion-split"},
      {23, "The same with every slice frozen in turn", "motion-split-exact"},
      {24, "Relevance that changes over time", "selective-relevance"},
      {25, "Attention rollout of a transformer, the same for every class", "attention-rollout"},
      {26, "LRP: gamma, attention as a constant", "lrp-gamma"},
      {27, "AttnLRP: gamma, through attention", "attn-lrp"}};
  static const GType type = make_enum("GstTubecamMethod", values);
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
