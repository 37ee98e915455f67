#include "plugin/messages/neighbours.h"

#include <gst/base/gstbasetransform.h>

#include <cstring>
#include <vector>

namespace tubecam {
namespace {

using PadPtr = std::unique_ptr<GstPad, GstUnref>;

// A safe copy of a list that other threads may change.
std::vector<PadPtr> pads_of(GstElement* element, GstPadDirection direction) {
  std::vector<PadPtr> pads;
  GST_OBJECT_LOCK(element);
  const GList* list = direction == GST_PAD_SINK ? element->sinkpads : element->srcpads;
  for (; list; list = list->next) pads.emplace_back(GST_PAD(gst_object_ref(list->data)));
  GST_OBJECT_UNLOCK(element);
  return pads;
}

ElementPtr across(GstPad* pad) {
  const PadPtr peer(gst_pad_get_peer(pad));
  return ElementPtr(peer ? gst_pad_get_parent_element(peer.get()) : nullptr);
}

ElementPtr element_after(GstElement* element) {
  const std::vector<PadPtr> pads = pads_of(element, GST_PAD_SRC);
  return pads.size() == 1 ? across(pads[0].get()) : nullptr;
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

// A property of any kind of integer; 0 where there is none.
guint64 level(GstElement* element, const std::string& name) {
  if (!g_object_class_find_property(G_OBJECT_GET_CLASS(element), name.c_str())) return 0;
  GValue value = G_VALUE_INIT, wide = G_VALUE_INIT;
  g_object_get_property(G_OBJECT(element), name.c_str(), &value);
  g_value_init(&wide, G_TYPE_UINT64);
  const guint64 result = g_value_transform(&value, &wide) ? g_value_get_uint64(&wide) : 0;
  g_value_unset(&value);
  return result;
}

bool is_full(GstElement* element) {
  for (const std::string kind : {"buffers", "bytes", "time"}) {
    const guint64 most = level(element, "max-size-" + kind);
    if (most != 0 && level(element, "current-level-" + kind) >= most) return true;
  }
  return false;
}

ElementPtr full_queue_from(GstPad* branch) {
  ElementPtr element = across(branch);
  while (element && !is_full(element.get())) element = element_after(element.get());
  return element;
}

}  // namespace

ElementPtr element_before(GstElement* element) {
  const std::vector<PadPtr> pads = pads_of(element, GST_PAD_SINK);
  return pads.size() == 1 ? across(pads[0].get()) : nullptr;
}

std::string elements_between(GstElement* overlay) {
  std::string names;
  for (ElementPtr element = element_before(overlay); element && !is_tubecam(element.get());
       element = element_before(element.get())) {
    if (!changes_pictures(element.get())) continue;
    names = GST_OBJECT_NAME(element.get()) + (names.empty() ? "" : " or " + names);
  }
  return names.empty() ? "an element in between" : names;
}

FullQueue full_queue_beside(GstElement* element) {
  ElementPtr last(GST_ELEMENT(gst_object_ref(element)));
  while (ElementPtr before = element_before(last.get())) {
    const std::vector<PadPtr> branches = pads_of(before.get(), GST_PAD_SRC);
    for (const PadPtr& branch : branches) {
      if (branches.size() < 2 || across(branch.get()) == last) continue;
      if (const ElementPtr queue = full_queue_from(branch.get()))
        return {GST_OBJECT_NAME(queue.get()), GST_OBJECT_NAME(before.get())};
    }
    last = std::move(before);
  }
  return {};
}

}  // namespace tubecam
