#include "plugin/elements/overlay_element.h"

#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "plugin/elements/place_check.h"
#include "plugin/memory/frame_map.h"
#include "plugin/memory/video_caps.h"
#include "plugin/messages/messages.h"
#include "plugin/meta/meta.h"
#include "plugin/meta/painter.h"
#include "plugin/properties/property.h"

namespace tubecam {

struct OverlayState {
  std::mutex mutex;
  OverlayStyle style;  // guarded; the rest belongs to the streaming thread
  std::unique_ptr<FrameMapper> mapper;
  Painter painter;
  RateLimit warnings, refusals;
  int width = 0, height = 0;
  std::set<HeatPlace> warned;  // since the start

  OverlayStyle snapshot() {
    std::lock_guard<std::mutex> lock(mutex);
    return style;
  }
};

namespace {

const std::vector<Property<OverlayStyle>>& style_properties() {
  const Number<float> share{0, 1};
  static const auto& all = *new std::vector<Property<OverlayStyle>>{
      {{"alpha", "Alpha", "Opacity of full heat"},
       kControlled,
       at(&OverlayStyle::heat, &HeatStyle::alpha),
       share},
      {{"color-map", "Colour map", "Colours from cold to hot"},
       kPlaying,
       at(&OverlayStyle::heat, &HeatStyle::color_map),
       OneOf{color_map_type()}},
      {{"threshold", "Threshold", "Share of full heat up to which nothing is drawn"},
       kControlled,
       at(&OverlayStyle::heat, &HeatStyle::threshold),
       share},
      {{"show-heat", "Show heat", "Draw where the model looked"},
       kPlaying,
       at(&OverlayStyle::show_heat),
       Switch{}},
      {{"show-label", "Show label", "Draw the label, its score and the method"},
       kPlaying,
       at(&OverlayStyle::show_label),
       Switch{}},
      {{"show-strip", "Show strip", "Draw when the model looked"},
       kPlaying,
       at(&OverlayStyle::show_strip),
       Switch{}},
      {{"show", "Show", "What colour shows of the relevance that is drawn"},
       kPlaying,
       at(&OverlayStyle::show),
       OneOf{show_type()}},
      {{"scale", "Scale",
        "Relevance of a cell of full heat, logits; 0: by the stream's own and an even share of "
        "the decision"},
       kControlled,
       at(&OverlayStyle::scale),
       Number<float>{0, G_MAXFLOAT}},
  };
  return all;
}

}  // namespace
}  // namespace tubecam

using tubecam::OverlayState;

struct _GstTubeOverlay {
  GstBaseTransform parent;
  OverlayState* state;
};

G_DEFINE_FINAL_TYPE(GstTubeOverlay, gst_tube_overlay, GST_TYPE_BASE_TRANSFORM)

static void gst_tube_overlay_set_property(GObject* object, guint id, const GValue* value,
                                          GParamSpec* spec) {
  OverlayState* state = GST_TUBE_OVERLAY(object)->state;
  const auto* property = tubecam::find(tubecam::style_properties(), id);
  if (!property) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(state->mutex);
    property->set(&state->style, value);
  }
  gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(object), !state->snapshot().anything());
}

static void gst_tube_overlay_get_property(GObject* object, guint id, GValue* value,
                                          GParamSpec* spec) {
  const auto* property = tubecam::find(tubecam::style_properties(), id);
  if (property)
    property->get(GST_TUBE_OVERLAY(object)->state->snapshot(), value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static gboolean gst_tube_overlay_start(GstBaseTransform* base) {
  OverlayState* state = GST_TUBE_OVERLAY(base)->state;
  state->painter.reset();
  state->warned.clear();
  return tubecam::exceptions_are_safe_or_error(GST_ELEMENT(base));
}

static gboolean gst_tube_overlay_stop(GstBaseTransform* base) {
  OverlayState* state = GST_TUBE_OVERLAY(base)->state;
  state->painter.release();
  state->mapper.reset();
  return TRUE;
}

static gboolean gst_tube_overlay_accept_caps(GstBaseTransform* base, GstPadDirection direction,
                                             GstCaps* caps) {
  auto* parent = GST_BASE_TRANSFORM_CLASS(gst_tube_overlay_parent_class);
  tubecam::RateLimit* refusals = &GST_TUBE_OVERLAY(base)->state->refusals;
  bool readable = false;
  tubecam::run_or_error(GST_ELEMENT(base), [&] {
    readable = tubecam::accepts_memory_or_error(base, direction, caps, refusals);
  });
  return readable && parent->accept_caps(base, direction, caps);
}

static gboolean gst_tube_overlay_query(GstBaseTransform* base, GstPadDirection direction,
                                       GstQuery* query) {
  auto* parent = GST_BASE_TRANSFORM_CLASS(gst_tube_overlay_parent_class);
  tubecam::RateLimit* warnings = &GST_TUBE_OVERLAY(base)->state->warnings;
  const gboolean answered = parent->query(base, direction, query);
  if (answered)
    tubecam::run_or_warn(GST_ELEMENT(base),
                         [&] { tubecam::warn_of_unread_memory(base, direction, query, warnings); });
  return answered;
}

static gboolean gst_tube_overlay_set_caps(GstBaseTransform* base, GstCaps* caps, GstCaps*) {
  OverlayState* state = GST_TUBE_OVERLAY(base)->state;
  return tubecam::run_or_error(GST_ELEMENT(base), [&] {
    state->mapper = tubecam::make_frame_mapper(caps);
    const GstStructure* size = gst_caps_get_structure(caps, 0);
    gst_structure_get_int(size, "width", &state->width);
    gst_structure_get_int(size, "height", &state->height);
  });
}

static gboolean gst_tube_overlay_sink_event(GstBaseTransform* base, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) {
    GST_TUBE_OVERLAY(base)->state->painter.reset();
  }
  return GST_BASE_TRANSFORM_CLASS(gst_tube_overlay_parent_class)->sink_event(base, event);
}

static void gst_tube_overlay_before_transform(GstBaseTransform* base, GstBuffer* buffer) {
  const GstClockTime time =
      gst_segment_to_stream_time(&base->segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (GST_CLOCK_TIME_IS_VALID(time)) gst_object_sync_values(GST_OBJECT(base), time);
}

// Whether there is something to draw, and its place is known; warns once where it is not.
static bool gst_tube_overlay_may_draw(GstBaseTransform* base, GstBuffer* buffer,
                                      const tubecam::Annotation* annotation) {
  using tubecam::HeatPlace;
  OverlayState* state = GST_TUBE_OVERLAY(base)->state;
  const HeatPlace place = tubecam::heat_place(buffer, annotation, state->width, state->height);
  if (place == HeatPlace::kKnown || place == HeatPlace::kNothingToDraw)
    return place == HeatPlace::kKnown;
  if (state->warned.insert(place).second)
    tubecam::post_warning(GST_ELEMENT(base), tubecam::place_problem(place, GST_ELEMENT(base)));
  return false;
}

static GstFlowReturn gst_tube_overlay_transform_ip(GstBaseTransform* base, GstBuffer* buffer) {
  OverlayState* state = GST_TUBE_OVERLAY(base)->state;
  try {
    tubecam::Annotation annotation;
    const bool annotated = tubecam::read_annotation(buffer, &annotation);
    if (!gst_tube_overlay_may_draw(base, buffer, annotated ? &annotation : nullptr))
      return GST_FLOW_OK;
    const tubecam::FrameMap map(state->mapper.get(), buffer, tubecam::Access::kWrite);
    state->painter.paint(map.frame(), annotation, state->snapshot());
  } catch (...) {
    if (state->warnings.allow()) tubecam::post_current_warning(GST_ELEMENT(base));
  }
  return GST_FLOW_OK;
}

static void gst_tube_overlay_finalize(GObject* object) {
  delete GST_TUBE_OVERLAY(object)->state;
  G_OBJECT_CLASS(gst_tube_overlay_parent_class)->finalize(object);
}

static void gst_tube_overlay_init(GstTubeOverlay* self) { self->state = new OverlayState; }

static void gst_tube_overlay_class_init(GstTubeOverlayClass* klass) {
  auto* object = G_OBJECT_CLASS(klass);
  object->set_property = gst_tube_overlay_set_property;
  object->get_property = gst_tube_overlay_get_property;
  object->finalize = gst_tube_overlay_finalize;
  tubecam::install(object, tubecam::style_properties());

  auto* element = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element, "Video explanation overlay", "Filter/Effect/Video",
      "Draws the explanations that tubecam attached: heat, label and temporal strip",
      "TubeCAM contributors");
  tubecam::add_video_pads(element);

  auto* transform = GST_BASE_TRANSFORM_CLASS(klass);
  transform->transform_ip_on_passthrough = FALSE;
  transform->start = gst_tube_overlay_start;
  transform->stop = gst_tube_overlay_stop;
  transform->accept_caps = gst_tube_overlay_accept_caps;
  transform->query = gst_tube_overlay_query;
  transform->set_caps = gst_tube_overlay_set_caps;
  transform->sink_event = gst_tube_overlay_sink_event;
  transform->before_transform = gst_tube_overlay_before_transform;
  transform->transform_ip = gst_tube_overlay_transform_ip;
}
