#include "plugin/memory/video_caps.h"

#include "base/error.h"

namespace tubecam {
namespace {

constexpr char kNvmm[] = "memory:NVMM";
constexpr char kCuda[] = "memory:CUDAMemory";

constexpr char kShape[] =
    "format=(string){ NV12, I420, RGB, BGR, RGBx, BGRx, RGBA, BGRA }, width=(int)[ 1, 16384 ], "
    "height=(int)[ 1, 16384 ], framerate=(fraction)[ 0/1, 2147483647/1 ]";

#ifdef TUBECAM_NVMM
constexpr bool kNvmmBuilt = true;
#else
constexpr bool kNvmmBuilt = false;
#endif
#ifdef TUBECAM_GST_CUDA
constexpr bool kCudaBuilt = true;
#else
constexpr bool kCudaBuilt = false;
#endif

// A kind of memory that is an option of the build.
struct OptionalMemory {
  const char* feature;
  MemoryKind kind;
  bool built;
  const char *option, *converter;
};

constexpr OptionalMemory kOptional[] = {
    {kNvmm, MemoryKind::kNvmm, kNvmmBuilt, "TUBECAM_NVMM", "nvvideoconvert or nvvidconv"},
    {kCuda, MemoryKind::kCuda, kCudaBuilt, "TUBECAM_GST_CUDA", "cudadownload"},
};

std::string text_of(const GstCapsFeatures* features) {
  gchar* text = gst_caps_features_to_string(features);
  const std::string result = text;
  g_free(text);
  return result;
}

// The option whose feature these have, or null.
const OptionalMemory* option_of(const GstCapsFeatures* features) {
  for (const OptionalMemory& memory : kOptional)
    if (gst_caps_features_contains(features, memory.feature)) return &memory;
  return nullptr;
}

bool is_system_memory(const GstCapsFeatures* features) {
  return gst_caps_features_is_any(features) ||
         gst_caps_features_contains(features, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY);
}

// Whether the first structure's memory is read; features such as meta:… are left to negotiation.
bool is_read(const GstCapsFeatures* features) {
  const OptionalMemory* memory = option_of(features);
  return memory ? memory->built : is_system_memory(features);
}

}  // namespace

GstCaps* video_caps() {
  std::string text = std::string("video/x-raw, ") + kShape;
  for (const OptionalMemory& memory : kOptional)
    if (memory.built) text += std::string("; video/x-raw(") + memory.feature + "), " + kShape;
  return gst_caps_from_string(text.c_str());
}

void add_video_pads(GstElementClass* klass) {
  GstCaps* caps = video_caps();
  gst_element_class_add_pad_template(
      klass, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template(
      klass, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);
}

std::string memory_problem(const GstElement* element, const GstCaps* caps) {
  if (gst_caps_is_any(caps) || gst_caps_is_empty(caps)) return "";
  for (guint i = 0; i < gst_caps_get_size(caps); ++i)
    if (is_read(gst_caps_get_features(caps, i))) return "";
  const GstCapsFeatures* features = gst_caps_get_features(caps, 0);
  const GstElementFactory* factory =
      gst_element_get_factory(const_cast<GstElement*>(element));  // reads only
  const std::string name = factory ? GST_OBJECT_NAME(factory) : "this element";
  if (const OptionalMemory* memory = option_of(features)) {
    return "Upstream gives " + text_of(features) + ", but this tubecam was built without " +
           memory->option + "=ON: put " + memory->converter + " before " + name +
           " so that it gets system memory, or build with -D" + memory->option + "=ON";
  }
  return "Upstream gives " + text_of(features) + ", which " + name +
         " cannot read: put an element before it that downloads to system memory (gldownload, "
         "vapostproc, videoconvert)";
}

MemoryKind memory_kind(const GstCaps* caps) {
  const GstCapsFeatures* features = gst_caps_get_features(caps, 0);
  check(is_read(features), ErrorCode::kUsage, text_of(features), " cannot be read");
  const OptionalMemory* memory = option_of(features);
  return memory ? memory->kind : MemoryKind::kSystem;
}

bool accepts_memory_or_error(GstBaseTransform* base, GstPadDirection direction, const GstCaps* caps,
                             RateLimit* errors) {
  if (direction != GST_PAD_SINK) return true;
  const std::string problem = memory_problem(GST_ELEMENT(base), caps);
  if (problem.empty()) return true;
  if (errors->allow())
    GST_ELEMENT_ERROR(base, CORE, NEGOTIATION, ("%s", problem.c_str()), (nullptr));
  return false;
}

void warn_of_unread_memory(GstBaseTransform* base, GstPadDirection direction, GstQuery* query,
                           RateLimit* warnings) {
  if (GST_QUERY_TYPE(query) != GST_QUERY_CAPS || direction != GST_PAD_SINK) return;
  GstCaps *filter, *answer;
  gst_query_parse_caps(query, &filter);
  gst_query_parse_caps_result(query, &answer);
  if (!filter || !answer || !gst_caps_is_empty(answer)) return;
  const std::string problem = memory_problem(GST_ELEMENT(base), filter);
  if (!problem.empty() && warnings->allow()) post_warning(GST_ELEMENT(base), problem);
}

}  // namespace tubecam
