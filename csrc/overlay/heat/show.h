// What colour shows of the relevance that is drawn.
#pragma once

#include "base/choice.h"

namespace tubecam {

enum class Show { kAuto, kHeat, kMotion };

inline constexpr Choice<Show> kShows[] = {
    {Show::kAuto, "auto", "Motion where the explanation knows it, else heat"},
    {Show::kHeat, "heat", "Heat: the colour map"},
    {Show::kMotion, "motion", "Motion: from blue, still, to orange, moving"},
};

}  // namespace tubecam
