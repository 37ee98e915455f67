#include "plugin/place_check.h"

#include <gst/base/gstbasetransform.h>

#include <cstring>
#include <memory>

#include "plugin/frame_mark.h"

namespace tubecam {
namespace {

struct Unref {
  void operator()(gpointer object) const { gst_object_unref(object); }
};
using ElementPtr = std::unique_ptr<GstElement, Unref>;
using PadPtr = std::unique_ptr<GstPad, Unref>;

// Whose output goes into the element, which has one input; null where that cannot be told.
ElementPtr element_before(GstElement* element) {
  if (element->numsinkpads != 1) return nullptr;
  const PadPtr peer(gst_pad_get_peer(GST_PAD(element->sinkpads->data)));
  return ElementPtr(peer ? gst_pad_get_parent_element(peer.get()) : nullptr);
}

bool is_tubecam(GstElement* element) {
  const GstElementFactory* factory = gst_element_get_factory(element);
  return factory && std::strcmp(GST_OBJECT_NAME(factory), "tubecam") == 0;
}

bool changes_pictures(GstElement* element) {
  if (GST_IS_BASE_TRANSFORM(element) &&
      gst_base_transform_is_passthrough(GST_BASE_TRANSFORM(element)))
    return false;
  const gchar* kind = gst_element_get_metadata(element, GST_ELEMENT_METADATA_KLASS);
  return GST_IS_BIN(element) || (kind && std::strstr(kind, "Video"));
}

// The names of those between tubecam and the overlay that may do something to pictures.
std::string elements_between(GstElement* overlay) {
  std::string names;
  for (ElementPtr element = element_before(overlay); element && !is_tubecam(element.get());
       element = element_before(element.get())) {
    if (!changes_pictures(element.get())) continue;
    names = GST_OBJECT_NAME(element.get()) + (names.empty() ? "" : " or " + names);
  }
  return names.empty() ? "an element in between" : names;
}

}  // namespace

HeatPlace heat_place(GstBuffer* buffer, const Annotation* annotation, int width, int height) {
  if (annotation) {
    const bool stated = annotation->frame_width > 0;
    const bool same = annotation->frame_width == width && annotation->frame_height == height;
    return stated && !same ? HeatPlace::kOtherSize : HeatPlace::kKnown;
  }
  switch (mark_of(buffer)) {
    case FrameMark::kExplained:
      return HeatPlace::kLeftBehind;
    case FrameMark::kUnexplained:
      return HeatPlace::kNothingToDraw;
    case FrameMark::kNone:
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
