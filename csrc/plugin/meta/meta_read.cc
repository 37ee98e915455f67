#include <cmath>
#include <limits>

#include "base/error.h"
#include "plugin/meta/meta.h"

namespace tubecam {
namespace {

constexpr int kMaxSize = 4096;  // of a tube's or a clip's side: more is no tube
constexpr int kMaxMarks = 64;

// Reads fields one by one and names the one that is missing or wrong.
class Reader {
 public:
  explicit Reader(const GstStructure* fields) : fields_(fields) {}

  bool boolean(const char* name) const {
    gboolean value = FALSE;
    require(gst_structure_get_boolean(fields_, name, &value), name);
    return value;
  }
  int size(const char* name) const {
    int value = 0;
    require(gst_structure_get_int(fields_, name, &value) && value > 0 && value <= kMaxSize, name);
    return value;
  }
  int count_of(const char* name, int most) const {
    int value = 0;
    require(gst_structure_get_int(fields_, name, &value) && value >= 0 && value <= most, name);
    return value;
  }
  double number(const char* name) const {
    double value = 0;
    require(gst_structure_get_double(fields_, name, &value) && std::isfinite(value), name);
    return value;
  }
  double any_number(const char* name) const {  // NaN too
    double value = 0;
    require(gst_structure_get_double(fields_, name, &value), name);
    return value;
  }
  double positive(const char* name) const {
    const double value = number(name);
    require(value > 0, name);
    return value;
  }
  int64_t time(const char* name) const {
    guint64 value = 0;
    require(gst_structure_get_uint64(fields_, name, &value) && value <= G_MAXINT64, name);
    return static_cast<int64_t>(value);
  }
  const char* text(const char* name) const {
    const char* value = gst_structure_get_string(fields_, name);
    return value ? value : "";
  }
  bool has(const char* name) const { return gst_structure_has_field(fields_, name); }
  uint64_t count(const char* name) const {
    guint64 value = 0;
    require(gst_structure_get_uint64(fields_, name, &value), name);
    return value;
  }
  // count: numbers that it has to hold.
  template <typename T>
  const T* numbers(const char* name, size_t count) const {
    const GValue* value = gst_structure_get_value(fields_, name);
    require(value && G_VALUE_HOLDS(value, G_TYPE_BYTES), name);
    gsize size = 0;
    const auto* bytes = static_cast<GBytes*>(g_value_get_boxed(value));
    const void* data = g_bytes_get_data(const_cast<GBytes*>(bytes), &size);
    require(size == count * sizeof(T), name);
    return static_cast<const T*>(data);
  }

 private:
  static void require(bool good, const char* name) {
    check(good, ErrorCode::kUsage, "the metadata's field \"", name, "\" is missing or wrong");
  }
  const GstStructure* fields_;
};

TubeView read_tube(const Reader& fields) {
  TubeView tube;
  tube.t = fields.size("tube-t");
  tube.h = fields.size("tube-h");
  tube.w = fields.size("tube-w");
  tube.stride = {fields.positive("stride-t"), fields.positive("stride-y"),
                 fields.positive("stride-x")};
  tube.offset = {fields.number("offset-t"), fields.number("offset-y"), fields.number("offset-x")};
  tube.values = fields.numbers<float>("tube", size_t{1} * tube.t * tube.h * tube.w);
  return tube;
}

// What newer versions write: their absence is no mistake.
void read_motion(const Reader& fields, Annotation* annotation) {
  const TubeView& tube = annotation->tube;
  annotation->motion = nullptr;
  if (fields.has("motion"))
    annotation->motion = fields.numbers<float>("motion", size_t{1} * tube.t * tube.h * tube.w);
  annotation->motion_share = std::numeric_limits<double>::quiet_NaN();
  if (annotation->motion && fields.has("motion-share"))
    annotation->motion_share = fields.any_number("motion-share");
}

void read_decision(const Reader& fields, Annotation* annotation) {
  annotation->unit = fields.has("unit") ? fields.text("unit") : "logit";
  annotation->logit = fields.has("logit") ? fields.any_number("logit") : 0;
  annotation->baseline_logit = fields.has("baseline-logit")
                                   ? fields.any_number("baseline-logit")
                                   : std::numeric_limits<double>::quiet_NaN();
}

void read_frame_size(const Reader& fields, Annotation* annotation) {
  annotation->frame_width = annotation->frame_height = 0;
  if (!fields.has("frame-width")) return;
  annotation->frame_width = fields.count_of("frame-width", G_MAXINT);
  annotation->frame_height = fields.count_of("frame-height", G_MAXINT);
}

std::vector<Mark> read_marks(const Reader& fields) {
  std::vector<Mark> marks;
  if (!fields.has("marks")) return marks;
  const int count = fields.count_of("marks", kMaxMarks);
  for (int i = 0; i < count; ++i) {
    const std::string prefix = "mark-" + std::to_string(i) + "-";
    marks.push_back(
        {fields.text((prefix + "key").c_str()), fields.text((prefix + "text").c_str())});
  }
  return marks;
}

Box read_crop(const Reader& fields) {
  Box crop;
  crop.x = static_cast<float>(fields.number("crop-x"));
  crop.y = static_cast<float>(fields.number("crop-y"));
  crop.width = static_cast<float>(fields.positive("crop-width"));
  crop.height = static_cast<float>(fields.positive("crop-height"));
  return crop;
}

}  // namespace

bool read_annotation(GstBuffer* buffer, Annotation* annotation) {
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, kMetaName);
  if (!meta) return false;
  const Reader fields(gst_custom_meta_get_structure(meta));
  annotation->valid = fields.boolean("valid");
  annotation->problem = fields.text("problem");
  annotation->label = fields.text("label");
  annotation->target = fields.text("target");
  annotation->method = fields.text("method");
  annotation->score = fields.number("score");
  annotation->head = fields.has("head") ? parse_head_kind(fields.text("head")) : HeadKind::kSoftmax;
  annotation->also = fields.text("also");
  annotation->tube = read_tube(fields);
  annotation->clip_length = fields.size("clip-length");
  annotation->clip_height = fields.size("clip-height");
  annotation->clip_width = fields.size("clip-width");
  annotation->crop = read_crop(fields);
  read_frame_size(fields, annotation);
  const char* curve = fields.has("fused-curve") ? "fused-curve" : "curve";
  annotation->curve = fields.numbers<float>(curve, annotation->clip_length);
  annotation->slice = fields.number("slice");
  annotation->window = fields.count("window");
  annotation->marks = read_marks(fields);
  annotation->motion_by = fields.text("motion-by");
  read_motion(fields, annotation);
  read_decision(fields, annotation);
  annotation->pts = fields.time("timestamp");
  return true;
}

}  // namespace tubecam
