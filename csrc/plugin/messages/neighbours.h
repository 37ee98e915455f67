// The elements around one, for messages that name the one at fault.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>

namespace tubecam {

struct GstUnref {
  void operator()(gpointer object) const { gst_object_unref(object); }
};
using ElementPtr = std::unique_ptr<GstElement, GstUnref>;

// Whose output goes into the element, which has one input; null where that is unknown.
ElementPtr element_before(GstElement* element);

// The names of those between tubecam and `overlay` that may do something to pictures, joined by
// "or"; "an element in between" where none is found.
std::string elements_between(GstElement* overlay);

struct FullQueue {
  std::string queue, splitter;  // names; empty: there is none
};
// A queue that is full in another branch of what splits the stream (a tee) before the element.
FullQueue full_queue_beside(GstElement* element);

}  // namespace tubecam
