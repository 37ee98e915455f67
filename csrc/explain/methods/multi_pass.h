// Methods of several passes through a graph that gives the clip's gradient.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/choice.h"
#include "base/export.h"
#include "bundle/clip_spec.h"

namespace tubecam {

// Where a path of clips begins.
enum class Baseline {
  kZero,     // 0 after normalisation: the mean colour, often grey
  kBlurred,  // each frame over an eighth of its height
  kFrozen,   // what is left is motion
  kGiven     // MultiPassOptions::baseline_clip
};

inline constexpr Choice<Baseline> kBaselines[] = {
    {Baseline::kZero, "zero", "A clip of the mean colour"},
    {Baseline::kBlurred, "blurred", "The clip, blurred"},
    {Baseline::kFrozen, "frozen", "The clip's middle slice all the time"},
};

struct MultiPassOptions {
  int steps = 8;  // passes along the path, or noisy clips
  Baseline baseline = Baseline::kZero;
  std::shared_ptr<const std::vector<float>> baseline_clip;  // [T, 3, H, W], for kGiven
  float noise = 0.15f;  // standard deviation, of the range of each input
};

// Throws kUsage listing the names.
inline Baseline parse_baseline(const std::string& name) {
  return choose(kBaselines, "baseline", name).value;
}
// Throws kUsage: steps < 1 or > 1024, noise below 0 or no number, a given clip of the wrong size.
void check_multi_pass(const MultiPassOptions& options, const ClipSpec& spec);

// What a model takes, or the gradients of a logit there: a clip [T, 3, H, W] and, where it takes
// optical flow, a flow [T − 1, 2, H, W]; null where it does not. Steps go through both at once.
struct ModelInputs {
  const float* clip;
  const float* flow = nullptr;
};

// One pass: the gradients of the target's logit, valid until the next pass, and the logit.
struct Pass {
  ModelInputs gradient;
  float logit;
};
using RunPass = std::function<Pass(const ModelInputs& inputs)>;

// What came of it.
struct MultiPassResult {
  std::vector<float> clip;  // relevance [T, H, W], summed over the colours
  std::vector<float> flow;  // and over both directions; 0 in the last frame, which no flow leaves
  double baseline_logit;    // of what the relevance is relative to; NaN: there is none
};

// Sundararajan et al. 2017, "Axiomatic attribution for deep networks":
// (x − x') ⊙ ∫ ∇f(x' + α(x − x')) dα, by Gauss–Legendre quadrature. Complete: Σ → f(x) − f(x').
// The flow's x' is zero, whatever the clip's is: nothing moves.
MultiPassResult integrated_gradients(const RunPass& run, const ModelInputs& x, const ClipSpec& spec,
                                     const MultiPassOptions& options);

// Smilkov et al. 2017, "SmoothGrad": |mean of ∇f over noisy inputs|.
MultiPassResult smoothgrad(const RunPass& run, const ModelInputs& x, const ClipSpec& spec,
                           const MultiPassOptions& options);

// Expected gradients (Erion et al. 2021; gradient SHAP of Lundberg and Lee 2017):
// mean of (x − x') ⊙ ∇f(x' + α(x − x')), with x' the baselines zero, blurred and frozen in turn and
// α uniform, one from each of `steps` equal parts. Σ → f(x) − mean of f(x').
MultiPassResult gradient_shap(const RunPass& run, const ModelInputs& x, const ClipSpec& spec,
                              const MultiPassOptions& options);

// Nodes and weights of Gauss–Legendre quadrature on 0…1; the weights sum to 1.
struct Quadrature {
  std::vector<double> nodes, weights;
};
Quadrature gauss_legendre(int count);

// The baseline [T, 3, H, W] of a clip.
std::vector<float> baseline_of(Baseline baseline, const float* clip, const ClipSpec& spec,
                               const MultiPassOptions& options);

// Sums relevance [T, H, W] over cells: tube [t, h, w] of a whole number of sampled frames and
// pixels each.
void sum_cells(const std::vector<float>& relevance, const ClipSpec& spec, int t, int h, int w,
               float* tube);

}  // namespace tubecam
