// Label, score and temporal strip, drawn legibly from 240p to 4K.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/export.h"
#include "clip/frame/frame.h"
#include "overlay/heat/colormap.h"

namespace tubecam {

// What colour shows: how much heat, or, from still to moving or from the picture to its flow, what
// kind of it.
enum class Legend { kNone, kHeat, kMotion, kFlow };

struct Caption {
  std::string label;                // UTF-8
  std::string score;                // beside the label, e.g. "53 %"; may be empty
  std::string note;                 // e.g. method, or why an explanation is invalid; may be empty
  std::vector<float> strip;         // relevance over time, 0…1, oldest first; may be empty
  double strip_now = 1;             // where this frame lies on the strip, 0…1
  std::vector<int> key_frames;      // places in the strip that stand out, marked above it
  std::vector<float> strip_motion;  // of each value, 0…1: hue shows it; empty: `color_map` colours
  Legend legend = Legend::kNone;    // of the heat's colours, below the words
  std::string full;                 // what full colour stands for, for the legend; may be empty

  bool empty() const {
    return label.empty() && note.empty() && strip.empty() && legend == Legend::kNone;
  }
};

// What libtubecam_caption.so draws with; it makes one.
class CaptionDrawer {
 public:
  virtual ~CaptionDrawer() = default;
  // frame: sound, and large enough for text. caption: not empty.
  virtual void draw(const Frame& frame, const Caption& caption, ColorMap color_map) = 0;
};

// Text is laid out by Pango once per change and kept as a coverage mask; drawing blends it into any
// pixel format, in system memory or where a frame on a GPU lies: the bytes are the same.
class TUBECAM_API CaptionPainter {
 public:
  // Height of a line is frame.height/18, at least 12 pixels. Text that does not fit is ellipsised.
  // The first one that is not empty loads libtubecam_caption.so, which needs Pango: throws
  // kUnavailable, naming what to install.
  void draw(const Frame& frame, const Caption& caption, ColorMap color_map);

 private:
  std::unique_ptr<CaptionDrawer> drawer_;
};

}  // namespace tubecam
