// The words of a caption: label and score, a note, and a legend of the colours.
#pragma once

#include <string>

#include "overlay/caption/caption.h"
#include "overlay/caption/caption_draw.h"

namespace tubecam {

struct Words {
  std::string label, score, note, full;  // UTF-8
  Legend legend = Legend::kNone;
  ColorMap color_map{};
  int room = 0;  // the tallest that their picture may be, pixels

  bool empty() const { return label.empty() && note.empty() && legend == Legend::kNone; }
  bool operator==(const Words& other) const;
};

Words words_of(const Caption& caption, ColorMap color_map);

// Label and score on one baseline, below them, smaller, the note and the legend. A legend that does
// not fit into the frame is left out: half a number would be a false one. Lines that do not fit
// into the room are left out from the last one on; null where none does.
Surface draw_words(const Words& words, const Frame& frame);

}  // namespace tubecam
