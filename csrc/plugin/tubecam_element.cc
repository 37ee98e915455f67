#include "plugin/tubecam_element.h"

#include <memory>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/unwind.h"
#include "plugin/cuda_sharing.h"
#include "plugin/flow.h"
#include "plugin/meta.h"
#include "plugin/report.h"
#include "plugin/session.h"
#include "plugin/video_caps.h"

namespace tubecam {

// `mutex` guards settings, session, sharing and last, and is held only briefly; flow belongs to the
// streaming thread.
struct TubecamState {
  struct Counts {
    uint64_t windows = 0, dropped = 0, resets = 0;
  };

  std::mutex mutex;
  Settings settings;
  std::unique_ptr<Session> session;      // between READY and PAUSED
  std::unique_ptr<CudaSharing> sharing;  // from READY on
  bool fallback_told = false;            // belongs to the inference thread
  Counts last;                           // of the session before, to be read after the end
  std::unique_ptr<Flow> flow;
  RateLimit warnings, refusals;

  Settings snapshot() {
    std::lock_guard<std::mutex> lock(mutex);
    return settings;
  }
  Counts counts() {
    std::lock_guard<std::mutex> lock(mutex);
    if (!session) return last;
    const Stream::Counters& now = session->stream().counters();
    return {now.windows, now.dropped, now.resets};
  }
  void set(guint property, const GValue* value) {
    std::lock_guard<std::mutex> lock(mutex);
    Settings wanted = settings;
    set_setting(&wanted, property, value);
    if (session) apply_setting(wanted, property, &session->explainer());
    settings = wanted;
  }
  // Any thread: wakes the streaming thread from waiting for inference.
  void cancel() {
    std::lock_guard<std::mutex> lock(mutex);
    if (session) session->stream().cancel();
  }
  // Of the device that is set; a text that names none is told by start().
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
    return session ? session->stream().latency().nanoseconds() : 0;
  }
};

}  // namespace tubecam

using tubecam::Flow;
using tubecam::Outcome;
using tubecam::RateLimit;
using tubecam::Session;
using tubecam::Settings;
using tubecam::TubecamState;

struct _GstTubecam {
  GstBaseTransform parent;
  TubecamState* state;
};

G_DEFINE_FINAL_TYPE(GstTubecam, gst_tubecam, GST_TYPE_BASE_TRANSFORM)

// ---- properties ----

static void gst_tubecam_set_property(GObject* object, guint id, const GValue* value, GParamSpec*) {
  try {
    GST_TUBECAM(object)->state->set(id, value);
  } catch (const std::exception& error) {  // what was valid stays
    tubecam::post_warning(GST_ELEMENT(object), error.what());
  }
}

static void gst_tubecam_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  TubecamState* state = GST_TUBECAM(object)->state;
  if (tubecam::get_setting(state->snapshot(), id, value)) return;
  const TubecamState::Counts counts = state->counts();
  switch (id) {
    case tubecam::kPropWindows:
      g_value_set_uint64(value, counts.windows);
      break;
    case tubecam::kPropDroppedWindows:
      g_value_set_uint64(value, counts.dropped);
      break;
    case tubecam::kPropResets:
      g_value_set_uint64(value, counts.resets);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

// ---- start and stop ----

// On the inference thread.
static void gst_tubecam_report(GstTubecam* self, Session& session, const Outcome& outcome) {
  TubecamState* state = self->state;
  if (outcome.explanation) {
    const uint64_t dropped = session.stream().counters().dropped;
    tubecam::post_explanation(GST_ELEMENT(self), outcome, session.bundle(),
                              state->snapshot().threshold, dropped);
    const std::string& lost = outcome.explanation->receipt.fell_back_from;
    if (!lost.empty() && !std::exchange(state->fallback_told, true))
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
  const Settings settings = state->snapshot();
  GstElement* element = GST_ELEMENT(self);
  if (!tubecam::exceptions_are_safe_or_error(element)) return FALSE;
  try {
    tubecam::post_progress(element, GST_PROGRESS_TYPE_START, "Compiling the model");
    auto session = std::make_unique<Session>(
        settings,
        [self](Session& from, const Outcome& outcome) { gst_tubecam_report(self, from, outcome); });
    tubecam::post_progress(element, GST_PROGRESS_TYPE_COMPLETE, "The model is compiled");
    state->flow = std::make_unique<Flow>(base, session.get(), settings, &state->warnings);
    std::lock_guard<std::mutex> lock(state->mutex);
    state->session = std::move(session);
  } catch (const std::exception& error) {
    tubecam::post_progress(element, GST_PROGRESS_TYPE_ERROR, "The model could not be compiled");
    tubecam::post_error(element, error, settings.bundle);
    return FALSE;
  }
  return TRUE;
}

static gboolean gst_tubecam_stop(GstBaseTransform* base) {
  TubecamState* state = GST_TUBECAM(base)->state;
  const TubecamState::Counts counts = state->counts();
  state->flow.reset();
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
    state->share(element);
  return GST_ELEMENT_CLASS(gst_tubecam_parent_class)->change_state(element, change);
}

// ---- streaming ----

static gboolean gst_tubecam_accept_caps(GstBaseTransform* base, GstPadDirection direction,
                                        GstCaps* caps) {
  RateLimit* refusals = &GST_TUBECAM(base)->state->refusals;
  return tubecam::accepts_memory_or_error(base, direction, caps, refusals) &&
         GST_BASE_TRANSFORM_CLASS(gst_tubecam_parent_class)->accept_caps(base, direction, caps);
}

static gboolean gst_tubecam_set_caps(GstBaseTransform* base, GstCaps* caps, GstCaps*) {
  try {
    if (Flow* flow = GST_TUBECAM(base)->state->flow.get()) flow->set_caps(caps);
  } catch (const std::exception& error) {
    tubecam::post_error(GST_ELEMENT(base), error, "");
    return FALSE;
  }
  return TRUE;
}

static GstFlowReturn gst_tubecam_generate_output(GstBaseTransform* base, GstBuffer** out) {
  TubecamState* state = GST_TUBECAM(base)->state;
  GstBuffer* arrived = base->queued_buf;
  base->queued_buf = nullptr;
  if (arrived) state->flow->accept(arrived, state->snapshot());
  *out = state->flow->next();
  return GST_FLOW_OK;
}

static bool gst_tubecam_must_drain(const Flow& flow, GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
    case GST_EVENT_CAPS:
    case GST_EVENT_SEGMENT:
    case GST_EVENT_SEGMENT_DONE:
      return true;
    case GST_EVENT_GAP: {
      GstClockTime start, duration;
      gst_event_parse_gap(event, &start, &duration);
      return flow.gap_is_long(start + (GST_CLOCK_TIME_IS_VALID(duration) ? duration : 0));
    }
    default:
      return false;
  }
}

// Before the event goes on. False: it waits behind the frames that it came after.
static bool gst_tubecam_before_event(Flow& flow, GstEvent* event) {
  const bool end = GST_EVENT_TYPE(event) == GST_EVENT_EOS;  // comes after every window's message
  if (end) flow.pad();
  if (end || (flow.holds() && gst_tubecam_must_drain(flow, event))) flow.drain();
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_STOP:
      flow.flush();
      return true;
    case GST_EVENT_STREAM_START:
      flow.end_stretch();
      return true;
    case GST_EVENT_EOS:
      flow.tell_when_short();
      flow.end_stretch();
      return true;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment;
      gst_event_parse_segment(event, &segment);
      flow.set_segment(*segment);
      return true;
    }
    default:
      return !flow.holds();
  }
}

static gboolean gst_tubecam_sink_event(GstBaseTransform* base, GstEvent* event) {
  TubecamState* state = GST_TUBECAM(base)->state;
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_START) {  // not on the streaming thread
    state->cancel();
  } else if (GST_EVENT_IS_SERIALIZED(event) && state->flow &&
             !gst_tubecam_before_event(*state->flow, event)) {
    state->flow->hold(event);
    return TRUE;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_tubecam_parent_class)->sink_event(base, event);
}

static gboolean gst_tubecam_query(GstBaseTransform* base, GstPadDirection direction,
                                  GstQuery* query) {
  TubecamState* state = GST_TUBECAM(base)->state;
  if (GST_QUERY_TYPE(query) == GST_QUERY_DRAIN && direction == GST_PAD_SINK && state->flow &&
      state->flow->holds()) {
    state->flow->drain();
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
  GstCaps* caps = tubecam::video_caps();
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);

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
