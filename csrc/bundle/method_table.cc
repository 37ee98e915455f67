#include "bundle/method_table.h"

#include <iterator>

#include "base/choice.h"

namespace tubecam {
namespace {

using Unit = MethodUnit;

constexpr Method cam(const char* name, int number, CamMethod method, Unit unit,
                     const char* meaning) {
  return {name, number, MethodKind::kClassActivation, unit, meaning, method};
}

constexpr Method relevance(const char* name, int number, Unit unit, const char* meaning) {
  return {name, number, MethodKind::kRelevance, unit, meaning};
}

constexpr Method without_contrast(Method method) {
  method.has_contrast = false;
  return method;
}

constexpr Method several(const char* name, int number, PlanKind plan, Unit unit,
                         const char* meaning) {
  return {name, number, MethodKind::kMultiPass, unit, meaning, {}, plan};
}

constexpr Method motion(const char* name, int number, PlanKind plan, const char* meaning) {
  return {name, number, MethodKind::kMotion, Unit::kPart, meaning, {}, plan};
}

constexpr Method kTable[] = {
    cam("gradcam", 1, CamMethod::kGradCam, Unit::kPart,
        "Grad-CAM: gradient averaged over the window"),
    cam("cam", 2, CamMethod::kCam, Unit::kPart, "CAM (Saliency Tubes): the head's weights, signed"),
    cam("gradcam-frame", 3, CamMethod::kGradCamFrame, Unit::kPart,
        "Grad-CAM with gradients averaged for each time step"),
    cam("hirescam", 4, CamMethod::kHiResCam, Unit::kWhole,
        "HiResCAM: gradient times activation, signed"),
    cam("layercam", 5, CamMethod::kLayerCam, Unit::kPart,
        "LayerCAM: positive gradient times activation"),
    cam("gradcam++", 6, CamMethod::kGradCamPlusPlus, Unit::kPart, "Grad-CAM++"),
    cam("xgradcam", 7, CamMethod::kXGradCam, Unit::kPart, "XGrad-CAM"),
    without_contrast(
        relevance("sensitivity", 8, Unit::kPerInput, "Magnitude of the logit's gradient")),
    relevance("gradient-x-input", 9, Unit::kWhole, "Gradient times input, signed"),
    without_contrast(relevance("deconvolution", 10, Unit::kNone,
                               "Deconvolution: positive signals pass backwards")),
    without_contrast(relevance("guided-backprop", 11, Unit::kNone, "Guided backpropagation")),
    relevance("lrp-epsilon", 12, Unit::kWhole, "Epsilon-LRP, signed"),
    relevance("lrp-alpha1beta0", 13, Unit::kWhole, "LRP alpha 1, beta 0 (z-plus)"),
    relevance("deep-taylor", 14, Unit::kWhole,
              "Deep Taylor: z-plus, the clip's range in the first layer"),
    relevance("lrp-epsilon-plus", 15, Unit::kWhole,
              "LRP: epsilon in the head, z-plus in convolutions"),
    relevance("lrp-epsilon-plus-flat", 16, Unit::kWhole, "The same, flat in the first layer"),
    relevance("lrp-gamma", 26, Unit::kWhole, "LRP: gamma, attention as a constant"),
    relevance("attn-lrp", 27, Unit::kWhole, "AttnLRP: gamma, through attention"),
    relevance("excitation-backprop", 17, Unit::kWhole, "Excitation backpropagation"),
    relevance("deeplift", 18, Unit::kPart,
              "DeepLIFT, rescale rule: differences from a reference clip"),
    without_contrast(relevance("attention-rollout", 25, Unit::kShare,
                               "Attention rollout of a transformer, the same for every class")),
    several("integrated-gradients", 19, PlanKind::kIntegratedGradients, Unit::kPart,
            "Integrated gradients along the way from a baseline"),
    several("smoothgrad", 20, PlanKind::kSmoothGrad, Unit::kPerInput,
            "SmoothGrad: gradient averaged over noisy clips"),
    several("gradient-shap", 21, PlanKind::kGradientShap, Unit::kPart,
            "Expected gradients (gradient SHAP)"),
    motion("motion-split", 22, PlanKind::kMotionSplit,
           "The default method, split into motion and what stays in a frozen clip"),
    motion("motion-split-exact", 23, PlanKind::kMotionSplitExact,
           "The same with every slice frozen in turn"),
    motion("selective-relevance", 24, PlanKind::kSelective, "Relevance that changes over time"),
};

}  // namespace

const std::vector<Method>& method_table() {
  static const auto& table = *new std::vector<Method>(std::begin(kTable), std::end(kTable));
  return table;
}

const Method* find_method(const std::string& name) { return find_choice(kTable, name); }

std::string unit_of(const std::string& method, const Head& head) {
  const Method* found = find_method(method);
  const MethodUnit unit = found ? found->unit : MethodUnit::kPart;
  if (unit == MethodUnit::kPerInput) return head.unit + " per input";
  if (unit == MethodUnit::kShare) return "share";
  return unit == MethodUnit::kNone ? "none" : head.unit;
}

const char* to_string(CamMethod cam) {
  for (const Method& method : kTable) {
    if (method.kind == MethodKind::kClassActivation && method.cam == cam) return method.name;
  }
  return "";
}

std::vector<std::string> method_names() { return names_of(kTable); }

std::vector<std::string> method_names(MethodKind kind) {
  std::vector<std::string> names;
  for (const Method& method : kTable) {
    if (method.kind == kind) names.emplace_back(method.name);
  }
  return names;
}

}  // namespace tubecam
