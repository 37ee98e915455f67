#include "plugin/elements/tubecam_element.h"

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unwind.h"
#include "plugin/elements/frame_stream.h"
#include "plugin/elements/session.h"
#include "plugin/memory/cuda_sharing.h"
#include "plugin/memory/video_caps.h"
#include "plugin/messages/messages.h"
#include "plugin/meta/meta.h"

namespace tubecam {

// `mutex` guards settings, session, sharing and last, and is held only briefly; frames belongs to
// the streaming thread.
struct TubecamState {
  std::mutex mutex;
  Settings settings;
  std::unique_ptr<Session> session;      // between READY and PAUSED
  std::unique_ptr<CudaSharing> sharing;  // from READY on
  bool fallback_reported = false;        // belongs to the inference thread
  StreamCounts last;                     // of the session before, to be read after the end
  std::unique_ptr<FrameStream> frames;
  RateLimit warnings, refusals;
  bool starting = false;         // start() is at work
  std::deque<Change> meanwhile;  // what was set since it began

  // Under the lock. Throws what a running explainer refuses; nothing is changed then.
  void change(const Setting& setting, const GValue* value) {
    Settings wanted = settings;
    setting.set(&wanted, value);
    if (session) setting.apply(wanted, &session->explainer());
    settings = std::move(wanted);
  }
  Settings snapshot() {
    std::lock_guard<std::mutex> lock(mutex);
    return settings;
  }
  StreamCounts counts() {
    std::lock_guard<std::mutex> lock(mutex);
    return session ? session->windows().counts() : last;
  }
  void set(const Setting& setting, const GValue* value) {
    std::lock_guard<std::mutex> lock(mutex);
    if (starting) meanwhile.emplace_back(&setting, value);
    change(setting, value);
  }
  // start() makes a session of these, and publishes it, or null where it failed.
  Settings begin() {
    std::lock_guard<std::mutex> lock(mutex);
    starting = true;
    return settings;
  }
  // What was set meanwhile is judged by the bundle now, as if it had been set now. Gives what is
  // refused of it, to be reported without the lock.
  std::vector<std::string> publish(std::unique_ptr<Session> made, const Settings& begun) {
    std::vector<std::string> refused;
    std::lock_guard<std::mutex> lock(mutex);
    session = std::move(made);
    if (session) settings = begun;
    for (const Change& late : meanwhile) {
      try {
        if (session) change(*late.setting, &late.value);
      } catch (...) {
        refused.push_back(current_message());
      }
    }
    meanwhile.clear();
    starting = false;
    return refused;
  }
  // Any thread: wakes the streaming thread from waiting for inference.
  void cancel() {
    std::lock_guard<std::mutex> lock(mutex);
    if (session) session->windows().cancel();
  }
  // Of the device that is set; a text that names none is refused by start().
  void share(GstElement* element) {
    std::unique_ptr<CudaSharing> wanted;
    try {
      wanted = share_cuda(Device::parse(snapshot().device));
    } catch (const Error&) {
    }
    if (wanted) wanted->offer(element);
    std::lock_guard<std::mutex> lock(mutex);
    sharing = std::move(wanted);
  }
  bool answer(GstElement* element, GstQuery* query) {
    std::lock_guard<std::mutex> lock(mutex);
    return sharing && sharing->answer(element, query);
  }
  GstClockTime latency() {
    std::lock_guard<std::mutex> lock(mutex);
    return session ? session->windows().latency().nanoseconds() : 0;
  }
};

}  // namespace tubecam

using tubecam::FrameStream;
using tubecam::Outcome;
using tubecam::RateLimit;
using tubecam::run_or_error;
using tubecam::run_or_warn;
using tubecam::Session;
using tubecam::Settings;
using tubecam::TubecamState;

struct _GstTubecam {
  GstBaseTransform parent;
  TubecamState* state;
};

G_DEFINE_FINAL_TYPE(GstTubecam, gst_tubecam, GST_TYPE_BASE_TRANSFORM)

// ---- properties ----

static void gst_tubecam_set_property(GObject* object, guint id, const GValue* value,
                                     GParamSpec* spec) {
  const tubecam::Setting* setting = tubecam::find_setting(id);
  if (!setting) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    return;
  }
  // What was valid stays.
  run_or_warn(GST_ELEMENT(object), [&] { GST_TUBECAM(object)->state->set(*setting, value); });
}

static void gst_tubecam_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  TubecamState* state = GST_TUBECAM(object)->state;
  const tubecam::Setting* setting = tubecam::find_setting(id);
  const auto* count = tubecam::find_count(id);
  run_or_warn(GST_ELEMENT(object), [&] {
    if (setting)
      setting->get(state->snapshot(), value);
    else if (count)
      count->get(state->counts(), value);
    else
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  });
}

// ---- start and stop ----

// On the inference thread.
static void gst_tubecam_report(GstTubecam* self, Session& session, const Outcome& outcome) {
  TubecamState* state = self->state;
  if (outcome.explanation) {
    const uint64_t dropped = session.windows().counts().dropped;
    tubecam::post_explanation(GST_ELEMENT(self), outcome, dropped);
    const std::string& lost = outcome.explanation->receipt.fell_back_from;
    if (!lost.empty() && !std::exchange(state->fallback_reported, true))
      tubecam::post_warning(GST_ELEMENT(self), "The CPU took over from " + lost);
    if (outcome.explanation->valid) return;
  }
  if (!state->warnings.allow()) return;
  const std::string text = outcome.explanation
                               ? "An explanation is invalid: " + outcome.explanation->problem
                               : "A window could not be explained: " + outcome.error;
  tubecam::post_warning(GST_ELEMENT(self), text);
}

static gboolean gst_tubecam_start(GstBaseTransform* base) {
  GstTubecam* self = GST_TUBECAM(base);
  TubecamState* state = self->state;
  GstElement* element = GST_ELEMENT(self);
  if (!tubecam::exceptions_are_safe_or_error(element)) return FALSE;
  const Settings settings = state->begin();
  std::unique_ptr<Session> session;
  const auto compile = [&] {
    tubecam::post_progress(element, GST_PROGRESS_TYPE_START, "Compiling the model");
    session = std::make_unique<Session>(settings, [self](Session& from, const Outcome& outcome) {
      gst_tubecam_report(self, from, outcome);
    });
    state->frames = std::make_unique<FrameStream>(base, session.get(), settings, &state->warnings);
    tubecam::post_progress(element, GST_PROGRESS_TYPE_COMPLETE, "The model is compiled");
  };
  const bool compiled = run_or_error(element, compile, settings.bundle);
  if (!compiled) {
    tubecam::post_progress(element, GST_PROGRESS_TYPE_ERROR, "The model could not be compiled");
    session.reset();
  }
  for (const std::string& text : state->publish(std::move(session), settings))
    tubecam::post_warning(element, text);
  return compiled;
}

static gboolean gst_tubecam_stop(GstBaseTransform* base) {
  TubecamState* state = GST_TUBECAM(base)->state;
  const tubecam::StreamCounts counts = state->counts();
  if (state->frames) state->frames->report_counts();
  state->frames.reset();
  std::unique_ptr<Session> session;  // goes after the lock, which the inference thread may want
  std::lock_guard<std::mutex> lock(state->mutex);
  state->last = counts;
  session.swap(state->session);
  return TRUE;
}

static GstStateChangeReturn gst_tubecam_change_state(GstElement* element, GstStateChange change) {
  // The streaming thread may wait for inference: it has to leave before its pad can stop.
  TubecamState* state = GST_TUBECAM(element)->state;
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY) state->cancel();
  if (change == GST_STATE_CHANGE_NULL_TO_READY && tubecam::exceptions_are_safe())
    run_or_warn(element, [&] { state->share(element); });
  return GST_ELEMENT_CLASS(gst_tubecam_parent_class)->change_state(element, change);
}

// ---- streaming ----

static gboolean gst_tubecam_accept_caps(GstBaseTransform* base, GstPadDirection direction,
                                        GstCaps* caps) {
  RateLimit* refusals = &GST_TUBECAM(base)->state->refusals;
  bool readable = false;
  run_or_error(GST_ELEMENT(base), [&] {
    readable = tubecam::accepts_memory_or_error(base, direction, caps, refusals);
  });
  return readable &&
         GST_BASE_TRANSFORM_CLASS(gst_tubecam_parent_class)->accept_caps(base, direction, caps);
}

static gboolean gst_tubecam_set_caps(GstBaseTransform* base, GstCaps* caps, GstCaps*) {
  FrameStream* frames = GST_TUBECAM(base)->state->frames.get();
  return !frames || run_or_error(GST_ELEMENT(base), [&] { frames->set_caps(caps); });
}

static GstFlowReturn gst_tubecam_generate_output(GstBaseTransform* base, GstBuffer** out) {
  TubecamState* state = GST_TUBECAM(base)->state;
  GstBuffer* arrived = base->queued_buf;
  base->queued_buf = nullptr;
  const auto step = [&] {
    if (arrived) state->frames->accept(arrived, state->snapshot());
    *out = state->frames->next();
  };
  return run_or_error(GST_ELEMENT(base), step) ? GST_FLOW_OK : GST_FLOW_ERROR;
}

static bool gst_tubecam_must_drain(const FrameStream& frames, GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
    case GST_EVENT_CAPS:
    case GST_EVENT_SEGMENT:
    case GST_EVENT_SEGMENT_DONE:
      return true;
    case GST_EVENT_GAP: {
      GstClockTime start, duration;
      gst_event_parse_gap(event, &start, &duration);
      return frames.gap_is_long(start + (GST_CLOCK_TIME_IS_VALID(duration) ? duration : 0));
    }
    default:
      return false;
  }
}

// Before the event goes on. False: it waits behind the frames that it came after.
static bool gst_tubecam_before_event(FrameStream& frames, GstEvent* event) {
  const bool end = GST_EVENT_TYPE(event) == GST_EVENT_EOS;  // comes after every window's message
  if (end) frames.pad();
  const bool drains = gst_tubecam_must_drain(frames, event);
  if (end || (frames.holds() && drains)) frames.drain();
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_STOP:
      frames.flush();
      return true;
    case GST_EVENT_STREAM_START:
      frames.end_segment();
      return true;
    case GST_EVENT_GAP:
      if (drains) frames.note_gap();
      return !frames.holds();
    case GST_EVENT_EOS:
      frames.report_counts();
      frames.warn_when_short();
      frames.end_segment();
      return true;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment;
      gst_event_parse_segment(event, &segment);
      frames.set_segment(*segment);
      return true;
    }
    default:
      return !frames.holds();
  }
}

static gboolean gst_tubecam_sink_event(GstBaseTransform* base, GstEvent* event) {
  TubecamState* state = GST_TUBECAM(base)->state;
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_START) {  // not on the streaming thread
    state->cancel();
  } else if (GST_EVENT_IS_SERIALIZED(event) && state->frames) {
    bool held = false;
    run_or_error(GST_ELEMENT(base), [&] {
      held = !gst_tubecam_before_event(*state->frames, event);
      if (held) state->frames->hold(event);
    });
    if (held) return TRUE;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_tubecam_parent_class)->sink_event(base, event);
}

static gboolean gst_tubecam_answer(GstBaseTransform* base, GstPadDirection direction,
                                   GstQuery* query) {
  TubecamState* state = GST_TUBECAM(base)->state;
  if (GST_QUERY_TYPE(query) == GST_QUERY_DRAIN && direction == GST_PAD_SINK && state->frames &&
      state->frames->holds()) {
    state->frames->drain();
  }
  if (GST_QUERY_TYPE(query) == GST_QUERY_CONTEXT && state->answer(GST_ELEMENT(base), query))
    return TRUE;
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY || direction != GST_PAD_SRC) {
    auto* parent = GST_BASE_TRANSFORM_CLASS(gst_tubecam_parent_class);
    const gboolean answered = parent->query(base, direction, query);
    if (answered) tubecam::warn_of_unread_memory(base, direction, query, &state->warnings);
    return answered;
  }
  if (!gst_pad_peer_query(base->sinkpad, query)) return FALSE;
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency(query, &live, &min, &max);
  const GstClockTime own = state->latency();
  gst_query_set_latency(query, live, min + own, GST_CLOCK_TIME_IS_VALID(max) ? max + own : max);
  return TRUE;
}

static gboolean gst_tubecam_query(GstBaseTransform* base, GstPadDirection direction,
                                  GstQuery* query) {
  gboolean answered = FALSE;
  run_or_error(GST_ELEMENT(base), [&] { answered = gst_tubecam_answer(base, direction, query); });
  return answered;
}

// ---- class ----

static void gst_tubecam_finalize(GObject* object) {
  delete GST_TUBECAM(object)->state;
  G_OBJECT_CLASS(gst_tubecam_parent_class)->finalize(object);
}

static void gst_tubecam_init(GstTubecam* self) { self->state = new TubecamState; }

static void gst_tubecam_class_init(GstTubecamClass* klass) {
  auto* object = G_OBJECT_CLASS(klass);
  object->set_property = gst_tubecam_set_property;
  object->get_property = gst_tubecam_get_property;
  object->finalize = gst_tubecam_finalize;
  tubecam::install_properties(object);

  auto* element = GST_ELEMENT_CLASS(klass);
  element->change_state = gst_tubecam_change_state;
  gst_element_class_set_static_metadata(
      element, "Video explanation", "Filter/Analyzer/Video",
      "Attaches to every frame where and when a video model looked, and posts a message a window",
      "TubeCAM contributors");
  tubecam::add_video_pads(element);

  // Without a transform function the base class passes pixels through, untouched and uncopied.
  auto* transform = GST_BASE_TRANSFORM_CLASS(klass);
  transform->start = gst_tubecam_start;
  transform->stop = gst_tubecam_stop;
  transform->accept_caps = gst_tubecam_accept_caps;
  transform->set_caps = gst_tubecam_set_caps;
  transform->generate_output = gst_tubecam_generate_output;
  transform->sink_event = gst_tubecam_sink_event;
  transform->query = gst_tubecam_query;
}
