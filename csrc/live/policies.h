// What a stream does where inference takes time.
#pragma once

#include "base/choice.h"

namespace tubecam {

// Which explanation a frame gets.
enum class Align { kLatest, kDelayed };

inline constexpr Choice<Align> kAlignments[] = {
    {Align::kLatest, "latest", "The newest explanation on the newest frame"},
    {Align::kDelayed, "delayed", "Frames wait for their own explanation"},
};

// What happens to a window when inference falls behind.
enum class LateWindows { kAuto, kDrop, kWait };

inline constexpr Choice<LateWindows> kLateWindows[] = {
    {LateWindows::kAuto, "auto", "drop when the source is live, else wait"},
    {LateWindows::kDrop, "drop", "Drop the window and count it"},
    {LateWindows::kWait, "wait", "Let the stream wait for inference"},
};

}  // namespace tubecam
