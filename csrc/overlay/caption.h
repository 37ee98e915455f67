// Label, score and temporal strip, drawn legibly from 240p to 4K.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clip/frame.h"
#include "overlay/colormap.h"

namespace tubecam {

struct Caption {
  std::string label;                // UTF-8
  std::string score;                // beside the label, e.g. "53 %"; may be empty
  std::string note;                 // e.g. method, or why an explanation is invalid; may be empty
  std::vector<float> strip;         // relevance over time, 0…1, oldest first; may be empty
  double strip_now = 1;             // where this frame lies on the strip, 0…1
  std::vector<int> key_frames;      // places in the strip that stand out, marked above it
  std::vector<float> strip_motion;  // of each value, 0…1: hue tells it; empty: `color_map` colours
  bool motion_legend = false;       // what hue tells, below the words: from still to moving
  bool flow_legend = false;         // … or, where that is set, from the picture to its flow
};

// Text is laid out by Pango once per change and kept as a coverage mask; drawing blends it into any
// pixel format, in system memory or where a frame on a GPU lies: the bytes are the same.
class CaptionPainter {
 public:
  CaptionPainter();
  ~CaptionPainter();
  CaptionPainter& operator=(CaptionPainter&&) noexcept;
  // Height of a line is frame.height/18, at least 12 pixels. Text that does not fit is ellipsised.
  void draw(const Frame& frame, const Caption& caption, ColorMap color_map);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tubecam
