#include "plugin/properties/properties.h"

#include <dlfcn.h>

#include <limits>

#include "plugin/messages/stream_report.h"

namespace tubecam {
namespace {

// Places in Settings.
const auto kOptions = &Settings::explain;
const auto kEngine = &ExplainerOptions::engine;
const auto kMethodOptions = &ExplainerOptions::method_options;
const auto kMultiPass = &MethodOptions::multi_pass;

constexpr int kMostInt = std::numeric_limits<int>::max();
constexpr uint64_t kMostCount = std::numeric_limits<uint64_t>::max();

void apply_method(const Settings& settings, Explainer* explainer) {
  explainer->set_method(settings.method == "auto" ? explainer->bundle().graphs[0].default_method
                                                  : settings.method);
}
void apply_method_options(const Settings& settings, Explainer* explainer) {
  explainer->set_method_options(settings.explain.method_options);
}

std::vector<Setting> machine_properties() {
  return {
      {{"bundle", "Bundle",
        "Folder of the model and its explanation; unset: the one that is installed with this "
        "plugin"},
       kUntilStarted,
       at(&Settings::bundle),
       FreeText{}},
      {{"engine", "Engine", "Inference engine"},
       kUntilStarted,
       at(kOptions, kEngine, &EngineOptions::engine),
       OneOf{engine_type()}},
      {{"device", "Device", "Where the model runs: cpu, cuda or cuda:N"},
       kUntilStarted,
       at(&Settings::device),
       FreeText{}},
      {{"fallback", "Fallback",
        "Where to go on when the GPU cannot be used or is lost: none or cpu"},
       kUntilStarted,
       at(kOptions, &ExplainerOptions::fallback),
       FreeText{}},
      {{"precision", "Precision", "What the engine may compute in"},
       kUntilStarted,
       at(kOptions, kEngine, &EngineOptions::precision),
       OneOf{precision_type()}},
      {{"threads", "Threads", "Threads of the engine; 0: the engine's choice"},
       kUntilStarted,
       at(kOptions, kEngine, &EngineOptions::threads),
       Number<int>{0, 1024}},
      {{"cache-dir", "Cache directory",
        "Folder for compiled models, which makes later starts fast; unset: none"},
       kUntilStarted,
       at(kOptions, kEngine, &EngineOptions::cache_dir),
       FreeText{}},
  };
}

std::vector<Setting> stream_properties() {
  return {
      {{"align", "Align",
        "Which explanation a frame gets. latest adds only compute; delayed adds about a window "
        "of latency (see the LATENCY query)"},
       kUntilStarted,
       at(&Settings::align),
       OneOf{align_type()}},
      {{"late-windows", "Late windows",
        "What to do with a window when inference falls behind. Frames are never dropped"},
       kUntilStarted,
       at(&Settings::late_windows),
       OneOf{late_windows_type()}},
      {{"max-held-bytes", "Most held bytes",
        "With align=delayed, what the frames that wait may take at most; beyond it they go "
        "before their own explanation. 0: no limit"},
       kPlaying,
       at(&Settings::max_held_bytes),
       Number<uint64_t>{0, kMostCount}},
      {{"padding", "Padding",
        "What fills the window of a video that ends before its first window is complete"},
       kUntilStarted,
       at(&Settings::padding),
       OneOf{padding_type()}},
      {{"sample-fps", "Sampling rate",
        "Slices a second, in place of what the bundle states; 0: the bundle's"},
       kUntilStarted,
       at(&Settings::sample_fps),
       Number<double>{0, 240}},
  };
}

std::vector<Setting> explanation_properties() {
  return {
      {{"method", "Method", "Explanation method, of those that the bundle offers"},
       kPlaying,
       at(&Settings::method),
       OneOf{method_type()},
       apply_method},
      {{"target", "Target class", "Number of the class to explain; -1: the predicted one"},
       kPlaying,
       at(kOptions, &ExplainerOptions::target),
       Number<int64_t>{-1, kMostInt},
       [](const Settings& s, Explainer* e) { e->set_target(s.explain.target); }},
      {{"hop", "Hop",
        "Slices from one window to the next, at the model's sampling rate; at most the clip's "
        "length"},
       kPlaying,
       at(kOptions, &ExplainerOptions::hop),
       Number<int>{1, 256},
       [](const Settings& s, Explainer* e) { e->set_hop(s.explain.hop); }},
      {{"threshold", "Threshold",
        "Share of the tube's maximum from which a region counts as a box"},
       kPlaying,
       at(kOptions, &ExplainerOptions::threshold),
       Number<float>{0, 1},
       [](const Settings& s, Explainer* e) { e->set_threshold(s.explain.threshold); }},
      {{"budget-ms", "Budget",
        "Milliseconds that a window may take; while the engine needs more, a cheaper method "
        "takes the place of the one asked for: relevance to the input, then Grad-CAM, then CAM. "
        "0: no budget"},
       kPlaying,
       at(kOptions, &ExplainerOptions::budget_ms),
       Number<double>{0, 1e6},
       [](const Settings& s, Explainer* e) { e->set_budget(s.explain.budget_ms); }},
  };
}

std::vector<Setting> method_properties() {
  return {
      {{"steps", "Steps", "Passes of integrated-gradients, smoothgrad and gradient-shap"},
       kPlaying,
       at(kOptions, kMethodOptions, kMultiPass, &MultiPassOptions::steps),
       Number<int>{1, 1024},
       apply_method_options},
      {{"baseline", "Baseline", "Where integrated-gradients begins"},
       kPlaying,
       at(kOptions, kMethodOptions, kMultiPass, &MultiPassOptions::baseline),
       OneOf{baseline_type()},
       apply_method_options},
      {{"noise", "Noise",
        "Standard deviation of smoothgrad's noise, as a share of the clip's range"},
       kPlaying,
       at(kOptions, kMethodOptions, kMultiPass, &MultiPassOptions::noise),
       Number<float>{0, 100},
       apply_method_options},
      {{"frozen-slice", "Frozen slice", "The slice that motion-split freezes; -1: the middle one"},
       kPlaying,
       at(kOptions, kMethodOptions, &MethodOptions::frozen),
       Number<int>{-1, 255},
       apply_method_options},
      {{"sigma", "Sigma",
        "Standard deviations from which selective-relevance counts a change over time as motion"},
       kPlaying,
       at(kOptions, kMethodOptions, &MethodOptions::sigma),
       Number<double>{0, 1e6},
       apply_method_options},
  };
}

// All counts in one.
struct Statistics {
  GParamSpec* spec(const Title& title, const StreamCounts&, GParamFlags flags) const {
    return g_param_spec_boxed(title.name, title.nick, title.blurb, GST_TYPE_STRUCTURE, flags);
  }
  void set(StreamCounts*, const GValue*) const {}
  void get(const StreamCounts& counts, GValue* value) const {
    g_value_take_boxed(value, stats_of(counts));
  }
};

guint first_count() { return static_cast<guint>(1 + setting_properties().size()); }

}  // namespace

const std::vector<Setting>& setting_properties() {
  static const auto& all = *new std::vector<Setting>([] {
    std::vector<Setting> table;
    for (const auto& part :
         {machine_properties(), stream_properties(), explanation_properties(), method_properties()})
      table.insert(table.end(), part.begin(), part.end());
    return table;
  }());
  return all;
}

const std::vector<Property<StreamCounts>>& count_properties() {
  const Number<uint64_t> count{0, kMostCount};
  static const auto& all = *new std::vector<Property<StreamCounts>>{
      {{"windows", "Windows", "Complete windows, dropped ones among them"},
       kReadOnly,
       at(&StreamCounts::windows),
       count},
      {{"dropped-windows", "Dropped windows", "Windows not explained because inference was behind"},
       kReadOnly,
       at(&StreamCounts::dropped),
       count},
      {{"resets", "Resets",
        "Times that the window started over in mid-stream: gaps, steps in time, seeks, new sizes"},
       kReadOnly,
       at(&StreamCounts::resets),
       count},
      {{"stats", "Statistics", "All that is counted, as a structure of numbers"},
       kReadOnly,
       at(),
       Statistics{}},
  };
  return all;
}

ExplainerOptions Settings::options() const {
  ExplainerOptions options = explain;
  options.engine.device = Device::parse(device);
  options.method = method == "auto" ? "" : method;
  return options;
}

void install_properties(GObjectClass* klass) {
  install(klass, setting_properties());
  install(klass, count_properties(), first_count());
}

const Setting* find_setting(guint property) { return find(setting_properties(), property); }

const Property<StreamCounts>* find_count(guint property) {
  return find(count_properties(), property, first_count());
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
