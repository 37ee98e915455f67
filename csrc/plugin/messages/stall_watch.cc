#include "plugin/messages/stall_watch.h"

#include <cmath>
#include <string>

#include "plugin/messages/messages.h"
#include "plugin/messages/neighbours.h"

namespace tubecam {
namespace {

constexpr gint64 kPatience = 3 * G_USEC_PER_SEC;

// Whether the pipeline stands because it was paused.
bool is_paused(GstElement* element) {
  ElementPtr top(GST_ELEMENT(gst_object_ref(element)));
  while (GstObject* parent = gst_object_get_parent(GST_OBJECT(top.get())))
    top.reset(GST_ELEMENT(parent));
  GstState state;
  return gst_element_get_state(top.get(), &state, nullptr, 0) != GST_STATE_CHANGE_ASYNC &&
         state != GST_STATE_PLAYING;
}

std::string describe(const FullQueue& full, size_t frames, double seconds) {
  const auto room = static_cast<long>(std::ceil(seconds)) + 1;
  return "Nothing can go on: align=delayed holds " + std::to_string(frames) +
         " frames until their explanation exists, and no more come, since " + full.queue +
         " in another branch of " + full.splitter + " is full; give it room for " +
         std::to_string(room) +
         " s: max-size-buffers=0 max-size-bytes=0 max-size-time=" + std::to_string(room) +
         "000000000";
}

}  // namespace

StallWatch::StallWatch(GstElement* element) : state_(std::make_shared<State>()) {
  state_->element = GST_ELEMENT(gst_object_ref(element));
  GstClock* clock = gst_system_clock_obtain();
  timer_ = gst_clock_new_periodic_id(clock, gst_clock_get_time(clock), GST_SECOND);
  const auto release = [](gpointer state) { delete static_cast<std::shared_ptr<State>*>(state); };
  gst_clock_id_wait_async(timer_, &StallWatch::check, new std::shared_ptr<State>(state_), release);
  gst_object_unref(clock);
}

StallWatch::~StallWatch() {
  input_came();
  gst_clock_id_unschedule(timer_);
  gst_clock_id_unref(timer_);
}

void StallWatch::wait_for_input(size_t frames, double seconds) {
  state_->frames = frames;
  state_->seconds = seconds;
  state_->since = g_get_monotonic_time();
}

gboolean StallWatch::check(GstClock*, GstClockTime, GstClockID, gpointer data) {
  State& state = **static_cast<std::shared_ptr<State>*>(data);
  const gint64 since = state.since;
  if (since == 0 || g_get_monotonic_time() - since < kPatience || state.warned) return TRUE;
  if (is_paused(state.element)) return TRUE;
  run_or_warn(state.element, [&] {
    const FullQueue full = full_queue_beside(state.element);
    if (full.queue.empty()) return;
    state.warned = true;
    post_warning(state.element, describe(full, state.frames, state.seconds));
  });
  return TRUE;
}

}  // namespace tubecam
