// Kernel: activation and gradient (or head weight) → tube, with its statistics, in one pass.
#pragma once

#include <string>

#include "base/device.h"
#include "base/export.h"
#include "bundle/method_table.h"

namespace tubecam {

// "gradcam++"; throws kUsage listing the names.
TUBECAM_API CamMethod parse_cam_method(const std::string& name);

// A [C, t, h, w] float32; either weight [C] (closed form, ∂logit/∂A = weight/(t·h·w)) or gradient
// [C, t, h, w].
struct CamInput {
  const float* activation = nullptr;
  const float* weight = nullptr;
  const float* gradient = nullptr;
  int channels = 0, t = 0, h = 0, w = 0;
};

struct CamStats {
  float min = 0, max = 0;  // of the tube
  int peak = 0;            // flat index of the first maximum
  double sum = 0;          // of the relevance before ReLU: with HiResCAM, sum + bias = logit
  bool finite = true;      // false: a NaN or infinity was met; the tube is then all zero
};

// tube: [t, h, w] float32, summed over the channels in float64. g is the gradient, Z = t·h·w:
//
//   gradcam        ReLU Σ_k w_k A_k,  w_k = mean of g_k over t, h, w    Selvaraju 2017, eq. 1–2
//   gradcam-frame  the same, the mean over h, w for each t
//   cam            Σ_k W_k A_k / Z,  weight only                        Zhou 2016, Stergiou 2019
//   hirescam       Σ_k g_k ⊙ A_k                                        Draelos 2020
//   layercam       ReLU Σ_k ReLU(g_k) ⊙ A_k                             Jiang 2021
//   gradcam++      ReLU Σ_k w_k A_k,  w_k = mean of α ReLU(g_k) over t, h, w,
//                  α = g²/(2g² + g³ ΣA), 0 where g = 0                  Chattopadhay 2018
//   xgradcam       ReLU Σ_k w_k A_k,  w_k = Σ g_k A_k / Σ A_k           Fu 2020
//
// All in logit units: the papers of cam and gradcam++, which draw the shape alone, do not divide by
// Z. A denominator of exactly zero gives α or w_k = 0. Activation and gradient are streamed through
// once, a channel at a time.
// On a CUDA device the tensors are brought there first; those that an engine left there:
// cam3d_cuda.h.
// Throws kUsage for `cam` without weight and for shapes that are not positive.
TUBECAM_API CamStats cam3d(const CamInput& input, CamMethod method, float* tube,
                           Device device = {});

// The tube of a graph that gives relevance itself: a copy, with the same statistics.
// relevance, tube: [t, h, w] float32.
TUBECAM_API CamStats copy_relevance(const float* relevance, int t, int h, int w, float* tube);

}  // namespace tubecam
