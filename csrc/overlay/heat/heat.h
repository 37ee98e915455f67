// Heat over time: what keeps the picture steady from window to window.
#pragma once

#include <cstdint>
#include <vector>

#include "base/export.h"

namespace tubecam {

// Smooths planes exponentially in time and adapts the scale to what full heat is for each window
// (full_heat.h): fast up (attack), slowly down (release), so that amplitude stays visible within a
// scene and nothing flickers when a window replaces another.
class TUBECAM_API HeatSmoother {
 public:
  struct Options {
    double smoothing = 0.08;  // seconds, time constant of the plane: the heat trails motion by it
    double attack = 0.3;      // seconds
    double release = 6.0;
    float floor = 1e-9f;  // smallest scale
  };
  HeatSmoother() = default;
  explicit HeatSmoother(const Options& options) : options_(options) {}

  // plane: [h·w] at time pts (ns). A changed size, a step back or a gap over 1 s starts over.
  // full: the relevance of full heat in this window.
  // motion: [h·w], the share of each cell's relevance that is motion, or empty for unknown.
  void update(const std::vector<float>& plane, float full, int64_t pts,
              const std::vector<float>& motion = {});
  void reset();
  const std::vector<float>& plane() const { return plane_; }
  // Empty when unknown. Relevance that moves and relevance are smoothed alike, and this is their
  // quotient: a cell's hue is that of the relevance which it shows.
  const std::vector<float>& motion() const { return motion_; }
  float scale() const { return scale_; }

 private:
  void update_motion(const std::vector<float>& plane, const std::vector<float>& motion, float step);

  Options options_;
  std::vector<float> plane_;
  std::vector<float> weight_, moving_;  // relevance above 0, and the part of it that moves
  std::vector<float> motion_;
  float scale_ = 0;
  int64_t pts_ = -1;
};

}  // namespace tubecam
