// How a window's sampled frames were taken from a video: the rate, and what fills it up where it is
// short.
#pragma once

#include <string>

#include "base/choice.h"

namespace tubecam {

// What the sampled frames are that a video is too short for.
enum class Padding { kNone, kLast, kLoop };

inline constexpr Choice<Padding> kPaddings[] = {
    {Padding::kNone, "none", "There is no window"},
    {Padding::kLast, "last", "The last frame fills it up"},
    {Padding::kLoop, "loop", "The video plays again"},
};

struct Sampling {
  double fps = 0;         // sampled frames a second; 0: unknown, of a clip that came as a whole
  double stated_fps = 0;  // what the bundle states
  Padding padding = Padding::kNone;
  int padded = 0;  // sampled frames at the window's end
};

// Throws kUsage listing the names.
inline Padding parse_padding(const std::string& name) {
  return choose(kPaddings, "padding", name).value;
}

}  // namespace tubecam
