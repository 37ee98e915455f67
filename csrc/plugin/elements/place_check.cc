#include "plugin/elements/place_check.h"

#include "plugin/messages/neighbours.h"
#include "plugin/meta/frame_stamp.h"

namespace tubecam {

HeatPlace heat_place(GstBuffer* buffer, const Annotation* annotation, int width, int height) {
  if (annotation) {
    const bool stated = annotation->frame_width > 0;
    const bool same = annotation->frame_width == width && annotation->frame_height == height;
    return stated && !same ? HeatPlace::kOtherSize : HeatPlace::kKnown;
  }
  switch (stamp_of(buffer)) {
    case FrameStamp::kExplained:
      return HeatPlace::kLeftBehind;
    case FrameStamp::kUnexplained:
      return HeatPlace::kNothingToDraw;
    case FrameStamp::kNone:
      break;
  }
  return HeatPlace::kUnseen;
}

std::string place_problem(HeatPlace place, GstElement* overlay) {
  if (place == HeatPlace::kUnseen)
    return "Nothing can be drawn: no tubecam has seen these frames; put tubecam before "
           "tubeoverlay, and what makes frames of its own (compositor, deinterlace) before tubecam";
  const std::string where = elements_between(overlay);
  const std::string what = place == HeatPlace::kOtherSize
                               ? "the picture was given another size at " + where
                               : "the explanation stayed behind at " + where;
  return "Nothing is drawn: " + what +
         ", which does not say what it does to the picture; put it before tubecam or behind "
         "tubeoverlay";
}

}  // namespace tubecam
