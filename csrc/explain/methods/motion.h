// How much of a relevance is motion.
#pragma once

#include <functional>
#include <vector>

#include "base/choice.h"
#include "bundle/bundle.h"

namespace tubecam {

// Note [Motion share]
// R is the relevance of a clip, S that of the clip frozen: one sampled frame shown all the time,
// where nothing moves. What R has beyond S is motion (Hiley et al. 2019, "Discriminating spatial
// and temporal relevance in deep Taylor decompositions": M_t = R_t − S_t with slice t frozen). A
// cell's share is max(R − max(S, 0), 0) / R where R > 0, and the decision's is the same of the
// sums.
//
// The exact split freezes each sampled frame in turn and reads S at its own time. The live split
// freezes one sampled frame: at its time it is exact, and its share is taken there; at other times
// S shows where the frozen sampled frame's appearance would be relevant. For a network that looks
// at each sampled frame by itself S equals R, so that the share is 0.

// How motion was found: `motion_by` of an explanation, and the same in words.
constexpr Word kFromSplit{"split", "against a frozen clip"};
constexpr Word kFromExactSplit{"split-exact", "against all frozen"};
constexpr Word kFromSelection{"selective", "relevance that changes"};
constexpr Word kFromFlow{"flow", "of the optical flow"};
constexpr Word kMotionSources[] = {kFromSplit, kFromExactSplit, kFromSelection, kFromFlow};

// clip, frozen: [T, 3, H, W]; every frame of `frozen` is frame `slice` of the clip.
void freeze_clip(const float* clip, const ClipSpec& spec, int slice, float* frozen);

// Each cell's share, 0…1, and that of cells [begin, end) together; NaN where none is relevant.
// Differences up to 1e-5 of the greatest relevance are rounding, and count as none.
// relevance, still, motion: [count].
double split_motion(const float* relevance, const float* still, int count, int begin, int end,
                    float* motion);

struct Motion {
  const char* by = "";
  std::vector<float> cells;  // [t, h, w], 0…1; empty: not told
  double share = 0;          // of the decision
};

// Writes S of the clip with one sampled frame frozen, [t, h, w]; false: it is not finite.
using RelevanceOfStill = std::function<bool(int slice, float* tube)>;

// The live split, and the exact one, of R: tube [t, h, w] of `layer`.
Motion split_live(const std::vector<float>& tube, const LayerSpec& layer, int slice,
                  const RelevanceOfStill& still);
Motion split_exactly(const std::vector<float>& tube, const LayerSpec& layer, int slices,
                     const RelevanceOfStill& still);

// Hiley et al. 2020, "Explaining motion relevance for activity recognition in video deep learning
// models": keeps relevance where it changes over time, |temporal 3-D Sobel| > sigma · its standard
// deviation, and zeroes the rest. Edges are replicated in time and space. The filter is in
// relevance a sampled frame; up to 1e-4 of the greatest relevance is rounding, and is never kept.
// tube: [t, h, w], in place; motion: [t, h, w], 1 where kept. Gives the share of positive relevance
// that was kept; NaN where there is none or t < 2.
double select_motion(float* tube, int t, int h, int w, double sigma, float* motion);

// Throws kUsage unless it is a number not below 0.
void check_sigma(double sigma);

}  // namespace tubecam
