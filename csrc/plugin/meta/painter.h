// One stream's picture: heat and caption from the annotations of its frames.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "overlay/caption/caption.h"
#include "overlay/device_canvas.h"
#include "overlay/heat/full_heat.h"
#include "overlay/heat/heat.h"
#include "overlay/heat/show.h"
#include "overlay/overlay.h"
#include "plugin/meta/meta.h"

namespace tubecam {

struct OverlayStyle {
  HeatStyle heat;
  float scale = 0;  // relevance of full heat; 0: as of full_heat.h
  Show show = Show::kAuto;
  bool show_heat = true, show_label = true, show_strip = true;

  bool has_heat() const { return show_heat && heat.alpha > 0; }
  bool anything() const { return has_heat() || show_label || show_strip; }
};

class Painter {
 public:
  // Draws where the frame lies, and is done when this returns. After the first frames of a style,
  // nothing is allocated on a GPU.
  void paint(const Frame& frame, const Annotation& annotation, const OverlayStyle& style);
  void reset();    // after a flush
  void release();  // gives back what lies on a GPU

 private:
  void draw(const Frame& frame, const Annotation& annotation, const OverlayStyle& style);
  const Evidence& weigh_window(const Annotation& annotation);
  void paint_heat(const Frame& frame, const Annotation& annotation, const OverlayStyle& style);
  void add_legend(const Annotation& annotation, const OverlayStyle& style, Caption* caption);
  void draw_strip(const Annotation& annotation, bool hue, Caption* caption);
  float strip_scale(const std::vector<float>& strip, const Annotation& annotation);

  HeatSmoother smoother_;
  CaptionPainter caption_;
  std::unique_ptr<DeviceCanvas> canvas_;  // for frames on a GPU
  std::vector<float> plane_, motion_;
  Evidence evidence_;               // of the window …
  const float* weighed_ = nullptr;  // … that has this tube …
  uint64_t weighed_window_ = 0;     // … and this number
  float legend_scale_ = 0;          // as the legend states
  float strip_scale_ = 0;
  int64_t strip_pts_ = -1;
};

}  // namespace tubecam
