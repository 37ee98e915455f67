// How a window's sampled frames were taken from a video: the rate, and what fills it up where it is
// short.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"

namespace tubecam {

// What the sampled frames are that a video is too short for.
enum class Padding {
  kNone,  // there is no window then
  kLast,  // its last frame, again and again
  kLoop,  // the video from its beginning
};

struct Sampling {
  double fps = 0;         // sampled frames a second; 0: unknown, of a clip that came as a whole
  double stated_fps = 0;  // what the bundle states
  Padding padding = Padding::kNone;
  int padded = 0;  // sampled frames at the window's end
};

TUBECAM_API const std::vector<std::string>& padding_names();  // in the order of Padding
TUBECAM_API Padding parse_padding(const std::string& name);   // throws kUsage naming them

}  // namespace tubecam
