// One stream's picture: heat and caption from the annotations of its frames.
#pragma once

#include <string>
#include <vector>

#include "overlay/caption.h"
#include "overlay/heat.h"
#include "overlay/overlay.h"
#include "plugin/meta.h"

namespace tubecam {

struct OverlayStyle {
  HeatStyle heat;
  bool show_heat = true, show_label = true, show_strip = true;

  bool anything() const { return (show_heat && heat.alpha > 0) || show_label || show_strip; }
};

class Painter {
 public:
  void paint(const Frame& frame, const Annotation& annotation, const OverlayStyle& style);
  void reset();  // after a flush

 private:
  void paint_heat(const Frame& frame, const Annotation& annotation, const HeatStyle& style);
  std::vector<float> strip(const Annotation& annotation);

  HeatSmoother smoother_;
  CaptionPainter caption_;
  std::vector<float> plane_;
  float strip_scale_ = 0;
  int64_t strip_pts_ = -1;
};

}  // namespace tubecam
