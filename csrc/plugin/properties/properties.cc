#include "plugin/properties/properties.h"

#include <dlfcn.h>

namespace tubecam {
namespace {

constexpr auto kFixed =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING);
constexpr auto kRead = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

void install_model_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropBundle,
      g_param_spec_string("bundle", "Bundle",
                          "Folder of the model and its explanation; unset: the one that is "
                          "installed with this plugin",
                          nullptr, kFixed));
  g_object_class_install_property(
      klass, kPropEngine,
      g_param_spec_enum("engine", "Engine", "Inference engine", engine_type(), 0, kFixed));
  g_object_class_install_property(
      klass, kPropDevice,
      g_param_spec_string("device", "Device", "Where the model runs: cpu, cuda or cuda:N", "cpu",
                          kFixed));
  g_object_class_install_property(
      klass, kPropFallback,
      g_param_spec_string("fallback", "Fallback",
                          "Where to go on when the GPU cannot be used or is lost: none or cpu",
                          "none", kFixed));
  g_object_class_install_property(
      klass, kPropPrecision,
      g_param_spec_enum("precision", "Precision", "What the engine may compute in",
                        precision_type(), 0, kFixed));
  g_object_class_install_property(
      klass, kPropThreads,
      g_param_spec_int("threads", "Threads", "Threads of the engine; 0: the engine's choice", 0,
                       1024, 0, kFixed));
  g_object_class_install_property(
      klass, kPropCacheDir,
      g_param_spec_string("cache-dir", "Cache directory",
                          "Folder for compiled models, which makes later starts fast; unset: none",
                          nullptr, kFixed));
}

void install_stream_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropAlign,
      g_param_spec_enum("align", "Align",
                        "Which explanation a frame gets. latest adds only compute; delayed adds "
                        "about a window of latency (see the LATENCY query)",
                        align_type(), static_cast<int>(Align::kLatest), kFixed));
  g_object_class_install_property(
      klass, kPropLateWindows,
      g_param_spec_enum("late-windows", "Late windows",
                        "What to do with a window when inference falls behind. Frames are never "
                        "dropped",
                        late_windows_type(), static_cast<int>(LateWindows::kAuto), kFixed));
}

void install_holding_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropMaxHeldBytes,
      g_param_spec_uint64("max-held-bytes", "Most held bytes",
                          "With align=delayed, what the frames that wait may take at most; beyond "
                          "it they go before their own explanation. 0: no limit",
                          0, G_MAXUINT64, Settings().max_held_bytes, kPlaying));
}

void install_sampling_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropPadding,
      g_param_spec_enum("padding", "Padding",
                        "What fills the window of a video that ends before its first window is "
                        "complete",
                        padding_type(), static_cast<int>(Padding::kNone), kFixed));
  g_object_class_install_property(
      klass, kPropSampleFps,
      g_param_spec_double("sample-fps", "Sampling rate",
                          "Slices a second, in place of what the bundle states; 0: the bundle's", 0,
                          240, 0, kFixed));
}

void install_explanation_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropMethod,
      g_param_spec_enum("method", "Method", "Explanation method, of those that the bundle offers",
                        method_type(), 0, kPlaying));
  g_object_class_install_property(
      klass, kPropTarget,
      g_param_spec_int("target", "Target class",
                       "Number of the class to explain; -1: the predicted one", -1, G_MAXINT, -1,
                       kPlaying));
  g_object_class_install_property(
      klass, kPropHop,
      g_param_spec_int("hop", "Hop",
                       "Slices from one window to the next, at the model's sampling rate; at most "
                       "the clip's length",
                       1, 256, 4, kPlaying));
  g_object_class_install_property(
      klass, kPropThreshold,
      g_param_spec_float("threshold", "Threshold",
                         "Share of the tube's maximum from which a region counts as a box", 0, 1,
                         0.5f, kPlaying));
  g_object_class_install_property(
      klass, kPropBudgetMs,
      g_param_spec_double("budget-ms", "Budget",
                          "Milliseconds that a window may take; while the engine needs more, a "
                          "cheaper method takes the place of the one asked for: relevance to the "
                          "input, then Grad-CAM, then CAM. 0: no budget",
                          0, 1e6, 0, kPlaying));
}

void install_method_properties(GObjectClass* klass) {
  const MethodOptions options;
  g_object_class_install_property(
      klass, kPropSteps,
      g_param_spec_int("steps", "Steps",
                       "Passes of integrated-gradients, smoothgrad and gradient-shap", 1, 1024,
                       options.multi_pass.steps, kPlaying));
  g_object_class_install_property(
      klass, kPropBaseline,
      g_param_spec_enum("baseline", "Baseline", "Where integrated-gradients begins",
                        baseline_type(), static_cast<int>(options.multi_pass.baseline), kPlaying));
  g_object_class_install_property(
      klass, kPropNoise,
      g_param_spec_float("noise", "Noise",
                         "Standard deviation of smoothgrad's noise, as a share of the clip's range",
                         0, 100, options.multi_pass.noise, kPlaying));
  g_object_class_install_property(
      klass, kPropFrozenSlice,
      g_param_spec_int("frozen-slice", "Frozen slice",
                       "The slice that motion-split freezes; -1: the middle one", -1, 255,
                       options.frozen, kPlaying));
  g_object_class_install_property(
      klass, kPropSigma,
      g_param_spec_double("sigma", "Sigma",
                          "Standard deviations from which selective-relevance counts a change over "
                          "time as motion",
                          0, 1e6, options.sigma, kPlaying));
}

void install_counters(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropWindows,
      g_param_spec_uint64("windows", "Windows", "Complete windows, dropped ones among them", 0,
                          G_MAXUINT64, 0, kRead));
  g_object_class_install_property(
      klass, kPropDroppedWindows,
      g_param_spec_uint64("dropped-windows", "Dropped windows",
                          "Windows not explained because inference was behind", 0, G_MAXUINT64, 0,
                          kRead));
  g_object_class_install_property(
      klass, kPropResets,
      g_param_spec_uint64("resets", "Resets",
                          "Times that the window started over in mid-stream: gaps, steps in time, "
                          "seeks, new sizes",
                          0, G_MAXUINT64, 0, kRead));
  g_object_class_install_property(
      klass, kPropStats,
      g_param_spec_boxed("stats", "Statistics", "All that is counted, as a structure of numbers",
                         GST_TYPE_STRUCTURE, kRead));
}

std::string text_of(const GValue* value) {
  const char* text = g_value_get_string(value);
  return text ? text : "";
}

void set_text(GValue* value, const std::string& text) {
  g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

}  // namespace

ExplainerOptions Settings::options() const {
  ExplainerOptions options;
  options.engine.engine = enum_nick(engine_type(), engine);
  options.engine.device = Device::parse(device);
  options.fallback = fallback;
  options.engine.precision = enum_nick(precision_type(), precision);
  options.engine.threads = threads;
  options.engine.cache_dir = cache_dir;
  options.method = method == 0 ? "" : enum_nick(method_type(), method);
  options.target = target;
  options.hop = hop;
  options.threshold = threshold;
  options.budget_ms = budget_ms;
  options.method_options = method_options;
  return options;
}

void install_properties(GObjectClass* klass) {
  install_model_properties(klass);
  install_stream_properties(klass);
  install_holding_properties(klass);
  install_sampling_properties(klass);
  install_explanation_properties(klass);
  install_method_properties(klass);
  install_counters(klass);
}

bool set_setting(Settings* settings, guint property, const GValue* value) {
  switch (property) {
    case kPropBundle:
      settings->bundle = text_of(value);
      return true;
    case kPropEngine:
      settings->engine = g_value_get_enum(value);
      return true;
    case kPropDevice:
      settings->device = text_of(value);
      return true;
    case kPropFallback:
      settings->fallback = text_of(value);
      return true;
    case kPropPrecision:
      settings->precision = g_value_get_enum(value);
      return true;
    case kPropThreads:
      settings->threads = g_value_get_int(value);
      return true;
    case kPropCacheDir:
      settings->cache_dir = text_of(value);
      return true;
    case kPropAlign:
      settings->align = static_cast<Align>(g_value_get_enum(value));
      return true;
    case kPropLateWindows:
      settings->late_windows = static_cast<LateWindows>(g_value_get_enum(value));
      return true;
    case kPropMethod:
      settings->method = g_value_get_enum(value);
      return true;
    case kPropTarget:
      settings->target = g_value_get_int(value);
      return true;
    case kPropHop:
      settings->hop = g_value_get_int(value);
      return true;
    case kPropThreshold:
      settings->threshold = g_value_get_float(value);
      return true;
    case kPropBudgetMs:
      settings->budget_ms = g_value_get_double(value);
      return true;
    case kPropMaxHeldBytes:
      settings->max_held_bytes = g_value_get_uint64(value);
      return true;
    case kPropSteps:
      settings->method_options.multi_pass.steps = g_value_get_int(value);
      return true;
    case kPropBaseline:
      settings->method_options.multi_pass.baseline = static_cast<Baseline>(g_value_get_enum(value));
      return true;
    case kPropNoise:
      settings->method_options.multi_pass.noise = g_value_get_float(value);
      return true;
    case kPropFrozenSlice:
      settings->method_options.frozen = g_value_get_int(value);
      return true;
    case kPropSigma:
      settings->method_options.sigma = g_value_get_double(value);
      return true;
    case kPropPadding:
      settings->padding = static_cast<Padding>(g_value_get_enum(value));
      return true;
    case kPropSampleFps:
      settings->sample_fps = g_value_get_double(value);
      return true;
    default:
      return false;
  }
}

bool get_setting(const Settings& settings, guint property, GValue* value) {
  switch (property) {
    case kPropBundle:
      set_text(value, settings.bundle);
      return true;
    case kPropEngine:
      g_value_set_enum(value, settings.engine);
      return true;
    case kPropDevice:
      set_text(value, settings.device);
      return true;
    case kPropFallback:
      set_text(value, settings.fallback);
      return true;
    case kPropPrecision:
      g_value_set_enum(value, settings.precision);
      return true;
    case kPropThreads:
      g_value_set_int(value, settings.threads);
      return true;
    case kPropCacheDir:
      set_text(value, settings.cache_dir);
      return true;
    case kPropAlign:
      g_value_set_enum(value, static_cast<int>(settings.align));
      return true;
    case kPropLateWindows:
      g_value_set_enum(value, static_cast<int>(settings.late_windows));
      return true;
    case kPropMethod:
      g_value_set_enum(value, settings.method);
      return true;
    case kPropTarget:
      g_value_set_int(value, settings.target);
      return true;
    case kPropHop:
      g_value_set_int(value, settings.hop);
      return true;
    case kPropThreshold:
      g_value_set_float(value, settings.threshold);
      return true;
    case kPropBudgetMs:
      g_value_set_double(value, settings.budget_ms);
      return true;
    case kPropMaxHeldBytes:
      g_value_set_uint64(value, settings.max_held_bytes);
      return true;
    case kPropSteps:
      g_value_set_int(value, settings.method_options.multi_pass.steps);
      return true;
    case kPropBaseline:
      g_value_set_enum(value, static_cast<int>(settings.method_options.multi_pass.baseline));
      return true;
    case kPropNoise:
      g_value_set_float(value, settings.method_options.multi_pass.noise);
      return true;
    case kPropFrozenSlice:
      g_value_set_int(value, settings.method_options.frozen);
      return true;
    case kPropSigma:
      g_value_set_double(value, settings.method_options.sigma);
      return true;
    case kPropPadding:
      g_value_set_enum(value, static_cast<int>(settings.padding));
      return true;
    case kPropSampleFps:
      g_value_set_double(value, settings.sample_fps);
      return true;
    default:
      return false;
  }
}

void apply_setting(const Settings& settings, guint property, Explainer* explainer) {
  const std::string& method = explainer->bundle().graphs[0].default_method;
  switch (property) {
    case kPropMethod:
      explainer->set_method(settings.method == 0 ? method
                                                 : enum_nick(method_type(), settings.method));
      break;
    case kPropTarget:
      explainer->set_target(settings.target);
      break;
    case kPropHop:
      explainer->set_hop(settings.hop);
      break;
    case kPropThreshold:
      explainer->set_threshold(settings.threshold);
      break;
    case kPropBudgetMs:
      explainer->set_budget(settings.budget_ms);
      break;
    case kPropSteps:
    case kPropBaseline:
    case kPropNoise:
    case kPropFrozenSlice:
    case kPropSigma:
      explainer->set_method_options(settings.method_options);
      break;
    default:
      break;
  }
}

std::string packaged_bundle() {
  Dl_info library;
  if (!dladdr(reinterpret_cast<const void*>(&packaged_bundle), &library)) return "";
  gchar* plugins = g_path_get_dirname(library.dli_fname);  // tubecam/lib/gstreamer-1.0
  gchar* bundle = g_build_filename(plugins, "..", "..", "engines", "motion", nullptr);
  gchar* sidecar = g_build_filename(bundle, "bundle.json", nullptr);
  const std::string found = g_file_test(sidecar, G_FILE_TEST_IS_REGULAR) ? bundle : "";
  g_free(sidecar);
  g_free(bundle);
  g_free(plugins);
  return found;
}

}  // namespace tubecam
