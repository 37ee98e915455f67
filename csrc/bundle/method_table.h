// Every method of explanation: the one list, which C++, Python and the elements read.
#pragma once

#include <string>
#include <vector>

#include "base/choice.h"
#include "base/export.h"
#include "bundle/head.h"

namespace tubecam {

// What a method is computed from.
enum class MethodKind { kClassActivation, kRelevance, kMultiPass, kMotion };

inline constexpr Choice<MethodKind> kMethodKinds[] = {
    {MethodKind::kClassActivation, "class-activation",
     "By this runtime, from a layer's activation with its weight or gradient"},
    {MethodKind::kRelevance, "relevance",
     "By a graph of its own, which gives the relevance to the input"},
    {MethodKind::kMultiPass, "multi-pass",
     "Several passes through a graph that gives its input's gradient"},
    {MethodKind::kMotion, "motion", "Made of another method of the bundle"},
};

enum class CamMethod {
  kGradCam,
  kCam,
  kGradCamFrame,
  kHiResCam,
  kLayerCam,
  kGradCamPlusPlus,
  kXGradCam
};

// How a method is computed (explain/method_plan.h).
enum class PlanKind {
  kOnePass,           // the method of one graph
  kMotionSplit,       // against one frozen clip
  kMotionSplitExact,  // against every slice frozen
  kSelective,         // kept where relevance changes over time
  kIntegratedGradients,
  kSmoothGrad,
  kGradientShap
};

// In what a tube is measured. Unless it says otherwise, the head's unit, such as the logit.
enum class MethodUnit {
  kWhole,     // the logit itself is shared out: where no bias takes a part, relevance sums to it
  kPart,      // of the logit
  kPerInput,  // its change when a normalised pixel changes by 1
  kShare,     // 0…1, of attention
  kNone       // signals that follow a rule of their own on the way back
};

struct Method {
  const char* name;  // "gradcam++", in bundles, commands and properties
  int number;        // in the elements' enumeration, from 1 on; it never changes
  MethodKind kind;
  MethodUnit unit;
  const char* meaning;                  // a line for people
  CamMethod cam = CamMethod::kGradCam;  // of kClassActivation
  PlanKind plan = PlanKind::kOnePass;
  // Whether what a graph gives for it is linear in the explained value, so that the difference of
  // two passes is that of the difference of two logits. True of activations with their gradients
  // or weights and of rules that share relevance out; not of those that take an absolute value or
  // rectify on the way back, and not of those that say nothing of the class.
  bool has_contrast = true;

  // The head's weight: a gradient will not do.
  bool needs_weight() const {
    return kind == MethodKind::kClassActivation && cam == CamMethod::kCam;
  }
};

TUBECAM_API const std::vector<Method>& method_table();

// nullptr: there is no method of that name.
TUBECAM_API const Method* find_method(const std::string& name);

TUBECAM_API const char* to_string(CamMethod method);

// In what its tube is measured, in words: the head's unit ("logit"), "logit per input", "share" or
// "none". method: of a graph; those of motion are measured like the method they are made of.
TUBECAM_API std::string unit_of(const std::string& method, const Head& head);

// In the table's order: of all methods, of one kind.
TUBECAM_API std::vector<std::string> method_names();
TUBECAM_API std::vector<std::string> method_names(MethodKind kind);

}  // namespace tubecam
