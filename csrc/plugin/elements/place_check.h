// Whether tubeoverlay knows where a frame's heat belongs, and words for when it does not.
#pragma once

#include <gst/gst.h>

#include <string>

#include "plugin/meta/meta.h"

namespace tubecam {

enum class HeatPlace {
  kKnown,
  kNothingToDraw,  // tubecam had no explanation for the frame
  kLeftBehind,     // an element changed the picture, and the explanation could not follow
  kOtherSize,      // an element changed the picture and copied the explanation as it was
  kUnseen,         // no tubecam has seen the frame
};

// annotation: what the buffer carries, or null. width, height: of its picture.
HeatPlace heat_place(GstBuffer* buffer, const Annotation* annotation, int width, int height);

// A sentence for the last three: what is wrong, at which of the elements before `overlay`, and what
// to do.
std::string place_problem(HeatPlace place, GstElement* overlay);

}  // namespace tubecam
