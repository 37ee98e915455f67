#include "plugin/properties/enums.h"

#include "clip/sampling.h"
#include "live/aligner.h"
#include "overlay/heat/colormap.h"
#include "plugin/meta/painter.h"

namespace tubecam {
namespace {

// The table has to live as long as the type. Descriptions are what gst-inspect-1.0 prints.
GType make_enum(const char* name, const GEnumValue* values) {
  const GType type = g_enum_register_static(name, values);
  gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
  return type;
}

}  // namespace

GType align_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Align::kLatest), "The newest explanation on the newest frame", "latest"},
      {static_cast<int>(Align::kDelayed), "Frames wait for their own explanation", "delayed"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamAlign", values);
  return type;
}

GType late_windows_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(LateWindows::kAuto), "drop when the source is live, else wait", "auto"},
      {static_cast<int>(LateWindows::kDrop), "Drop the window and count it", "drop"},
      {static_cast<int>(LateWindows::kWait), "Let the stream wait for inference", "wait"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamLateWindows", values);
  return type;
}

GType engine_type() {
  static const GEnumValue values[] = {{0, "The best one for the device", "auto"},
                                      {1, "OpenVINO, for any CPU", "openvino"},
                                      {2, "TensorRT, for NVIDIA GPUs", "tensorrt"},
                                      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamEngine", values);
  return type;
}

GType precision_type() {
  static const GEnumValue values[] = {{0, "The engine's choice", "auto"},
                                      {1, "32-bit floating point", "fp32"},
                                      {2, "16-bit floating point", "fp16"},
                                      {3, "bfloat16", "bf16"},
                                      {4, "8-bit integers, of a bundle that quantises", "int8"},
                                      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamPrecision", values);
  return type;
}

GType method_type() {
  static const GEnumValue values[] = {
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
      {27, "AttnLRP: gamma, through attention", "attn-lrp"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamMethod", values);
  return type;
}

GType baseline_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Baseline::kZero), "A clip of the mean colour", "zero"},
      {static_cast<int>(Baseline::kBlurred), "The clip, blurred", "blurred"},
      {static_cast<int>(Baseline::kFrozen), "The clip's middle slice all the time", "frozen"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamBaseline", values);
  return type;
}

GType padding_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Padding::kNone), "There is no window", "none"},
      {static_cast<int>(Padding::kLast), "The last frame fills it up", "last"},
      {static_cast<int>(Padding::kLoop), "The video plays again", "loop"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamPadding", values);
  return type;
}

GType show_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Show::kAuto), "Motion where the explanation knows it, else heat", "auto"},
      {static_cast<int>(Show::kHeat), "Heat: the colour map", "heat"},
      {static_cast<int>(Show::kMotion), "Motion: from blue, still, to orange, moving", "motion"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamShow", values);
  return type;
}

GType color_map_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(ColorMap::kInferno), "Black, purple, orange, yellow", "inferno"},
      {static_cast<int>(ColorMap::kTurbo), "Blue, green, yellow, red", "turbo"},
      {static_cast<int>(ColorMap::kViridis), "Purple, green, yellow", "viridis"},
      {static_cast<int>(ColorMap::kHot), "Black, red, yellow, white", "hot"},
      {static_cast<int>(ColorMap::kJet), "Blue, cyan, yellow, red", "jet"},
      {0, nullptr, nullptr}};
  static const GType type = make_enum("GstTubecamColorMap", values);
  return type;
}

const char* enum_nick(GType type, int value) {
  auto* enums = static_cast<GEnumClass*>(g_type_class_ref(type));
  const GEnumValue* found = g_enum_get_value(enums, value);
  g_type_class_unref(enums);
  return found ? found->value_nick : "";
}

}  // namespace tubecam
