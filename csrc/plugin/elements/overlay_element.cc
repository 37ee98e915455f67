#include "plugin/elements/overlay_element.h"

#include <memory>
#include <mutex>
#include <set>

#include "plugin/elements/place_check.h"
#include "plugin/memory/frame_map.h"
#include "plugin/memory/video_caps.h"
#include "plugin/messages/messages.h"
#include "plugin/meta/meta.h"
#include "plugin/meta/painter.h"
#include "plugin/properties/enums.h"

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

enum Property : guint {
  kPropAlpha = 1,
  kPropColorMap,
  kPropThreshold,
  kPropShowHeat,
  kPropShowLabel,
  kPropShowStrip,
  kPropShow,
  kPropScale,
};

constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING);
constexpr auto kControlled = static_cast<GParamFlags>(kPlaying | GST_PARAM_CONTROLLABLE);

void install_overlay_properties(GObjectClass* klass) {
  const OverlayStyle style;
  g_object_class_install_property(klass, kPropAlpha,
                                  g_param_spec_float("alpha", "Alpha", "Opacity of full heat", 0, 1,
                                                     style.heat.alpha, kControlled));
  g_object_class_install_property(
      klass, kPropColorMap,
      g_param_spec_enum("color-map", "Colour map", "Colours from cold to hot", color_map_type(),
                        static_cast<int>(style.heat.color_map), kPlaying));
  g_object_class_install_property(
      klass, kPropThreshold,
      g_param_spec_float("threshold", "Threshold",
                         "Share of full heat up to which nothing is drawn", 0, 1,
                         style.heat.threshold, kControlled));
  g_object_class_install_property(
      klass, kPropShowHeat,
      g_param_spec_boolean("show-heat", "Show heat", "Draw where the model looked", TRUE,
                           kPlaying));
  g_object_class_install_property(
      klass, kPropShowLabel,
      g_param_spec_boolean("show-label", "Show label", "Draw the label, its score and the method",
                           TRUE, kPlaying));
  g_object_class_install_property(
      klass, kPropShowStrip,
      g_param_spec_boolean("show-strip", "Show strip", "Draw when the model looked", TRUE,
                           kPlaying));
  g_object_class_install_property(
      klass, kPropShow,
      g_param_spec_enum("show", "Show", "What colour shows of the relevance that is drawn",
                        show_type(), static_cast<int>(style.show), kPlaying));
  g_object_class_install_property(
      klass, kPropScale,
      g_param_spec_float("scale", "Scale",
                         "Relevance of a cell of full heat, logits; 0: by the stream's own and an"
                         " even share of the decision",
                         0, G_MAXFLOAT, style.scale, kControlled));
}

}  // namespace
}  // namespace tubecam

using tubecam::OverlayState;
using tubecam::OverlayStyle;

struct _GstTubeOverlay {
  GstBaseTransform parent;
  OverlayState* state;
};

G_DEFINE_FINAL_TYPE(GstTubeOverlay, gst_tube_overlay, GST_TYPE_BASE_TRANSFORM)

static void gst_tube_overlay_set_property(GObject* object, guint id, const GValue* value,
                                          GParamSpec* spec) {
  OverlayState* state = GST_TUBE_OVERLAY(object)->state;
  {
    std::lock_guard<std::mutex> lock(state->mutex);
    OverlayStyle& style = state->style;
    switch (id) {
      case tubecam::kPropAlpha:
        style.heat.alpha = g_value_get_float(value);
        break;
      case tubecam::kPropColorMap:
        style.heat.color_map = static_cast<tubecam::ColorMap>(g_value_get_enum(value));
        break;
      case tubecam::kPropThreshold:
        style.heat.threshold = g_value_get_float(value);
        break;
      case tubecam::kPropShowHeat:
        style.show_heat = g_value_get_boolean(value);
        break;
      case tubecam::kPropShowLabel:
        style.show_label = g_value_get_boolean(value);
        break;
      case tubecam::kPropShowStrip:
        style.show_strip = g_value_get_boolean(value);
        break;
      case tubecam::kPropShow:
        style.show = static_cast<tubecam::Show>(g_value_get_enum(value));
        break;
      case tubecam::kPropScale:
        style.scale = g_value_get_float(value);
        break;
      default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
  }
  gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(object), !state->snapshot().anything());
}

static void gst_tube_overlay_get_property(GObject* object, guint id, GValue* value,
                                          GParamSpec* spec) {
  const OverlayStyle style = GST_TUBE_OVERLAY(object)->state->snapshot();
  switch (id) {
    case tubecam::kPropAlpha:
      g_value_set_float(value, style.heat.alpha);
      break;
    case tubecam::kPropColorMap:
      g_value_set_enum(value, static_cast<int>(style.heat.color_map));
      break;
    case tubecam::kPropThreshold:
      g_value_set_float(value, style.heat.threshold);
      break;
    case tubecam::kPropShowHeat:
      g_value_set_boolean(value, style.show_heat);
      break;
    case tubecam::kPropShowLabel:
      g_value_set_boolean(value, style.show_label);
      break;
    case tubecam::kPropShowStrip:
      g_value_set_boolean(value, style.show_strip);
      break;
    case tubecam::kPropShow:
      g_value_set_enum(value, static_cast<int>(style.show));
      break;
    case tubecam::kPropScale:
      g_value_set_float(value, style.scale);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
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
  tubecam::install_overlay_properties(object);

  auto* element = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element, "Video explanation overlay", "Filter/Effect/Video",
      "Draws the explanations that tubecam attached: heat, label and temporal strip",
      "TubeCAM contributors");
  GstCaps* caps = tubecam::video_caps();
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);

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
