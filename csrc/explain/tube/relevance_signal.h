// One continuous relevance over a stream's time, from windows that overlap.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/export.h"
#include "clip/clip_window.h"

namespace tubecam {

// Note [Fusion]
// Bins lie on absolute time, one a sampled frame, counted from the first window of a segment. A
// window adds to every bin that it covers its curve, linear between sampled frames, with a
// triangular weight: most in its middle, where the model sees as much before as after, least at its
// ends. A bin's value is the weighted mean, so what overlaps more does not count more. It is final
// when no later window can reach back to it: windows come in order of their beginnings.
//
// A window of another segment, or one that begins before the one before it or after its end, starts
// the signal over, as reset() and flush() do. In between lies time without a value.
class TUBECAM_API RelevanceSignal {
 public:
  struct Sample {
    int64_t pts = 0;  // ns
    float value = 0;  // logit units, summed over space as `temporal_curve` is
  };

  // sample_fps: sampled frames a second.
  explicit RelevanceSignal(double sample_fps);

  // curve: [T] at the window's times, NaN counts as 0. Gives what became final by it, oldest first.
  // Throws kUsage for a window without times or with times that fall.
  std::vector<Sample> add(const Window& window, const float* curve);
  std::vector<Sample> flush();  // the rest, at the end of a stream
  void reset();                 // forgets it, after a seek

  // The signal as known so far at one time within the newest windows; 0 where none lies.
  float at(int64_t pts) const;

 private:
  struct Bin {
    double sum = 0, weight = 0;
  };

  bool continues(const Window& window) const;
  void accumulate(const std::vector<int64_t>& times, const float* curve);
  std::vector<Sample> take_before(int64_t end);
  int64_t bin_at_or_after(int64_t pts) const;
  int64_t pts_of(int64_t bin) const;

  const double step_;   // ns
  int64_t origin_ = 0;  // pts of bin 0
  int64_t first_bin_ = 0;
  std::deque<Bin> bins_;         // from first_bin_ on: those that are not final
  std::deque<Bin> past_;         // before first_bin_: the newest final ones, for at()
  int64_t begin_ = 0, end_ = 0;  // of the newest window
  uint64_t segment_ = 0;
  bool empty_ = true;
};

// Indices of the values that stand out: local maxima of at least half the greatest value, `apart`
// indices from a greater one at least. The first of equal neighbours counts. Nothing where no value
// is positive.
TUBECAM_API std::vector<int> key_frames(const std::vector<float>& values, int apart);

}  // namespace tubecam
