#include "plugin/elements/hold_queue.h"

#include <gst/video/video.h>

namespace tubecam {
namespace {

constexpr size_t kMaxItems = 4096;

bool pool_may_starve(GstBufferPool* pool) {
  if (!pool) return false;
  const GType type = G_OBJECT_TYPE(pool);
  if (type != GST_TYPE_BUFFER_POOL && type != GST_TYPE_VIDEO_BUFFER_POOL) return true;
  GstStructure* config = gst_buffer_pool_get_config(pool);
  guint most = 0;
  const bool known = gst_buffer_pool_config_get_params(config, nullptr, nullptr, nullptr, &most);
  gst_structure_free(config);
  return !known || most != 0;
}

GstBuffer* release_to_pool(GstBuffer* buffer) {
  if (!pool_may_starve(buffer->pool)) return buffer;
  GstBuffer* copy = gst_buffer_copy_deep(buffer);
  if (!copy) return buffer;
  gst_buffer_unref(buffer);
  return copy;
}

}  // namespace

void HoldQueue::push_frame(GstBuffer* buffer, bool placed, const FramePlace& place, bool may_wait) {
  if (may_wait) buffer = release_to_pool(buffer);
  bytes_ += gst_buffer_get_size(buffer);
  if (placed) newest_ = place;
  items_.push_back({GST_MINI_OBJECT_CAST(buffer), placed, place});
}

void HoldQueue::push_event(GstEvent* event) {
  items_.push_back({GST_MINI_OBJECT_CAST(event), false, {}});
}

HeldItem HoldQueue::pop() {
  const HeldItem item = items_.front();
  items_.pop_front();
  if (item.is_buffer()) bytes_ -= gst_buffer_get_size(GST_BUFFER_CAST(item.object));
  return item;
}

void HoldQueue::clear() {
  while (!items_.empty()) gst_mini_object_unref(pop().object);
}

HoldQueue::Limit HoldQueue::exceeded(uint64_t most_bytes, int64_t longest) const {
  if (most_bytes != 0 && bytes_ > most_bytes) return Limit::kBytes;
  if (items_.size() > kMaxItems) return Limit::kItems;
  if (items_.empty() || !items_.front().placed) return Limit::kNone;
  const FramePlace& oldest = items_.front().place;  // times of two segments cannot be compared
  const bool late = oldest.segment == newest_.segment && newest_.pts - oldest.pts > longest;
  return late ? Limit::kTime : Limit::kNone;
}

}  // namespace tubecam
