#include "explain/explainer.h"

#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/stopwatch.h"
#include "bundle/method_table.h"
#include "bundle/precision.h"
#include "explain/clip_explainer.h"
#include "explain/device/device_cam.h"
#include "explain/method_budget.h"
#include "explain/method_plan.h"
#include "explain/methods/motion.h"

namespace tubecam {
namespace {

constexpr double kMaxGap = 1, kMaxUniformGap = 60;  // seconds, of ClipWindow

void check_target(const Target& target, const Bundle& bundle) {
  const int64_t last = int64_t(bundle.labels.size()) - 1;
  for (const int64_t label : {target.label, target.against}) {
    check(label >= -1 && label <= last, ErrorCode::kUsage,
          "the target class must be −1 (the predicted one) … ", last, ", not ", label);
  }
  check(target.against < 0 || (target.label >= 0 && target.label != target.against),
        ErrorCode::kUsage, "a contrast names two different classes, not ", target.label, " and ",
        target.against);
}

void check_contrast(const Target& target, const std::string& method, const Bundle& bundle) {
  if (target.against < 0) return;
  const Method* base = find_method(plan_method(bundle, method).base);
  check(!base || base->has_contrast, ErrorCode::kUsage, "what ", method,
        " gives for one class rather than another is not a difference of maps: "
        "take one that shares the logit out, such as gradcam or lrp-epsilon-plus");
}

void check_threshold(float threshold) {
  check(threshold >= 0 && threshold <= 1, ErrorCode::kUsage,
        "the threshold must be 0 … 1 of the tube's maximum, not ", threshold);
}

void check_hop(int hop, const Bundle& bundle) {
  check(hop >= 1 && hop <= bundle.clip.length, ErrorCode::kUsage, "the hop must be 1 … ",
        bundle.clip.length, " slices (the clip's length), not ", hop);
}

}  // namespace

struct Explainer::State {
  // What the setters change. explain() works on a copy.
  struct Settings {
    std::string method;
    Target target;
    float threshold = 0.5f;
    int hop = 4;
    double budget_ms = 0;
    MethodOptions options;
  };

  Bundle bundle;
  EngineOptions engine_options;
  EngineMaker maker;
  bool may_fall_back = false;
  std::string fell_back_from;
  std::vector<std::unique_ptr<Engine>> engines;  // one a graph, made when first needed
  std::vector<CamEpilogue> epilogues;            // of each, on a GPU
  ClipWindow window;
  RelevanceSignal signal;
  std::unique_ptr<ClipFlow> flow;      // where the model takes it
  ClipBuffer clip;                     // of `window`
  std::unique_ptr<ClipReader> reader;  // of clips on a GPU, and which
  Device reader_device;
  double preprocess_ms = 0;  // since the last window
  bool had_window = false;   // since reset()
  MethodBudget budget;       // for `budgeted`
  Settings budgeted;
  std::mutex running;  // held while a window is explained
  mutable std::mutex changing;
  Settings settings;
  Device device;  // of the engine, also guarded by `changing`

  State(Bundle loaded, const ExplainerOptions& options)
      : bundle(std::move(loaded)),
        engine_options(options.engine),
        maker(options.make_engine),
        may_fall_back(options.fallback == "cpu"),
        engines(bundle.graphs.size()),
        epilogues(bundle.graphs.size()),
        window(bundle.clip, options.hop, kMaxGap),
        signal(bundle.clip.sample_fps),
        device(options.engine.device) {
    for (GraphSpec& graph : bundle.graphs)
      graph = graph_in(bundle, graph, engine_options.precision);
    if (bundle.clip.flow.used) flow = std::make_unique<ClipFlow>(bundle.clip);
  }

  Settings snapshot() const {
    std::lock_guard<std::mutex> lock(changing);
    return settings;
  }

  Engine& engine(size_t graph) {
    if (!engines[graph]) engines[graph] = maker(bundle, bundle.graphs[graph], engine_options);
    return *engines[graph];
  }

  // Runs a step on the engine's device; on the CPU again, where that is allowed, when a GPU fails.
  template <typename Step>
  auto with_fallback(const Step& step) -> decltype(step()) {
    try {
      return step();
    } catch (const Error& error) {
      if (!fall_back(error)) throw;
    }
    return step();
  }
  bool fall_back(const Error& error);

  void keep_budget(const Settings& now);
  void begin_stream() {
    signal.reset();
    preprocess_ms = 0;
    had_window = false;
  }
  bool take(const Frame& frame, int64_t pts);
  void copy_clip();
  std::optional<Explanation> explain_window();
  TensorView reachable(const TensorView& clip);
  Settings settings_for(const Asked& asked);
  std::shared_ptr<const DeviceCam> follow(const MethodPlan& plan, const Target& target);
  Explanation explain(const TensorView& clip, const Window& where, const Asked& asked = {});
};

// A lost device stays lost to its process, so there is no way back.
bool Explainer::State::fall_back(const Error& error) {
  const bool of_device =
      error.code() == ErrorCode::kDevice || error.code() == ErrorCode::kUnavailable;
  if (!may_fall_back || !of_device || engine_options.device.type == DeviceType::kCpu) return false;
  fell_back_from = engine_options.device.to_string() + ": " + error.what();
  if (engine_options.log) engine_options.log(fell_back_from + "; the CPU goes on");
  {
    std::lock_guard<std::mutex> lock(changing);
    device = engine_options.device = {};
  }
  engine_options.engine = "openvino";
  engine_options.precision = "auto";
  for (auto& engine : engines) engine.reset();
  for (CamEpilogue& epilogue : epilogues) epilogue = {};
  budgeted = {};
  return true;
}

// Compiles what it may fall back on: a machine that is behind has no time for that.
void Explainer::State::keep_budget(const Settings& now) {
  if (now.method == budgeted.method && now.budget_ms == budgeted.budget_ms) return;
  std::vector<std::string> methods = {now.method};
  if (now.budget_ms > 0) methods = fallback_methods(bundle, now.method);
  for (size_t i = 1; i < methods.size(); ++i) engine(plan_method(bundle, methods[i]).graph);
  budget = MethodBudget(now.budget_ms, methods);
  budgeted = now;
}

// True when a window is complete, in `clip`. The sampled frames lie where the engine runs.
bool Explainer::State::take(const Frame& frame, int64_t pts) {
  const Device wanted = engine_options.device;
  if (wanted != window.device()) window.move_to(wanted);
  if (!window.push(frame, pts)) return false;
  copy_clip();
  return true;
}

void Explainer::State::copy_clip() {
  if (!clip.owner || clip.view.device != window.device()) clip = window.make_clip();
  window.copy_to(clip.view);
}

// The window that copy_clip() took; nothing where it was lost with its device.
std::optional<Explanation> Explainer::State::explain_window() {
  had_window = true;
  Explanation result;
  try {
    result = with_fallback([&] { return explain(clip.view, window.window()); });
  } catch (const Error&) {
    // The window is lost with the device; the next frames make one on the CPU.
    if (engine_options.device == window.device()) throw;
    return std::nullopt;
  }
  result.timings.preprocess += std::exchange(preprocess_ms, 0);
  result.fuse(&signal);
  return result;
}

// The clip where the engine can read it. Once the CPU has taken over, clips may still come from the
// GPU that it took over from.
TensorView Explainer::State::reachable(const TensorView& clip) {
  check(clip.data != nullptr, ErrorCode::kUsage, "explain: the clip is empty");
  check(clip.dtype == DType::kFloat32 && clip.shape == clip_shape(bundle.clip), ErrorCode::kUsage,
        "explain: the clip must be float32 ", to_string(clip_shape(bundle.clip)), ", not ",
        to_string(clip.shape));
  const Device here = engine_options.device;
  if (clip.device.type == DeviceType::kCpu) return clip;
  if (!reader || reader_device != clip.device) {
    check(clip.device == here || !fell_back_from.empty(), ErrorCode::kUsage, "the clip lies on ",
          clip.device.to_string(), ", but this explainer computes on ", here.to_string(),
          ": open it with device ", clip.device.to_string(), ", or bring the clip there");
    reader = make_clip_reader(clip.device);
    reader_device = clip.device;
  }
  if (clip.device == here) return clip;
  return {const_cast<float*>(reader->download(clip)), DType::kFloat32, clip.shape, {}};
}

// A method that a call names is run whatever it takes: the budget is of the settings' one.
Explainer::State::Settings Explainer::State::settings_for(const Asked& asked) {
  Settings now = snapshot();
  now.target = asked.target.value_or(now.target);
  if (asked.method.empty()) {
    keep_budget(now);
    now.method = budget.method();
  } else {
    now.method = asked.method;
  }
  check_contrast(now.target, now.method, bundle);
  return now;
}

// The difference of two passes is found in system memory.
std::shared_ptr<const DeviceCam> Explainer::State::follow(const MethodPlan& plan,
                                                          const Target& target) {
  CamEpilogue& epilogue = epilogues[plan.graph];
  Engine& runner = engine(plan.graph);
  if (target.against < 0) {
    return epilogue.follow(runner, bundle, bundle.graphs[plan.graph], engine_options.device,
                           plan.base);
  }
  if (epilogue.follows()) runner.follow_with({});
  epilogue = {};
  return nullptr;
}

Explanation Explainer::State::explain(const TensorView& given, const Window& where,
                                      const Asked& asked) {
  const TensorView clip = reachable(given);
  check(where.pts.size() == size_t(bundle.clip.length), ErrorCode::kUsage,
        "explain: a window needs ", bundle.clip.length, " presentation times, not ",
        where.pts.size());
  const Settings now = settings_for(asked);
  const MethodPlan plan = plan_method(bundle, now.method);
  const ClipRequest request{now.method, now.target, now.threshold, now.options};
  Engine& runner = engine(plan.graph);
  const auto cam = follow(plan, now.target);
  Explanation result =
      explain_clip({runner, flow.get(), cam, reader.get()}, bundle, plan, request, clip, where);
  result.receipt.fell_back_from = fell_back_from;
  if (asked.method.empty()) {
    result.receipt.downgraded_from = budget.downgraded_from();
    budget.record(result.timings.engine + result.timings.explain);
  }
  return result;
}

Explainer::Explainer(const std::string& bundle_folder, const ExplainerOptions& options) {
  Bundle bundle = load_bundle(bundle_folder);
  check_hop(options.hop, bundle);
  choose(kFallbacks, "fallback", options.fallback);
  state_ = std::make_unique<State>(std::move(bundle), options);
  set_hop(options.hop);
  set_threshold(options.threshold);
  set_budget(options.budget_ms);
  set_method_options(options.method_options);
  set_method(options.method.empty() ? state_->bundle.graphs[0].default_method : options.method);
  set_target(options.target);
  const size_t graph = plan_method(state_->bundle, state_->settings.method).graph;
  state_->with_fallback([&] { state_->engine(graph); });
}

Explainer::~Explainer() = default;

std::optional<Explanation> Explainer::push(const Frame& frame, int64_t pts) {
  std::lock_guard<std::mutex> running(state_->running);
  const Stopwatch watch;
  state_->window.set_hop(state_->snapshot().hop);
  const bool complete = state_->with_fallback([&] { return state_->take(frame, pts); });
  state_->preprocess_ms += watch.milliseconds();
  if (!complete) return std::nullopt;
  return state_->explain_window();
}

std::optional<Explanation> Explainer::finish(Padding padding) {
  std::lock_guard<std::mutex> running(state_->running);
  if (state_->had_window || !state_->window.pad(padding)) return std::nullopt;
  state_->copy_clip();
  return state_->explain_window();
}

void Explainer::sample_at(double fps) {
  std::lock_guard<std::mutex> running(state_->running);
  const bool own = fps == 0;
  state_->window.sample_at(own ? bundle().clip.sample_fps : fps, own ? kMaxGap : kMaxUniformGap);
  state_->begin_stream();
}

Explanation Explainer::explain(const float* clip, const Window& window, const Asked& asked) {
  return explain({const_cast<float*>(clip), DType::kFloat32, clip_shape(bundle().clip), {}}, window,
                 asked);
}

Explanation Explainer::explain(const TensorView& clip, const Window& window, const Asked& asked) {
  if (asked.target) check_target(*asked.target, bundle());
  std::lock_guard<std::mutex> running(state_->running);
  return state_->with_fallback([&] { return state_->explain(clip, window, asked); });
}

Device Explainer::device() const {
  std::lock_guard<std::mutex> lock(state_->changing);
  return state_->device;
}

bool Explainer::fall_back_to_cpu(const Error& error) {
  std::lock_guard<std::mutex> running(state_->running);
  if (!state_->fell_back_from.empty()) return true;
  return state_->fall_back(error);
}

void Explainer::reset() {
  std::lock_guard<std::mutex> running(state_->running);
  state_->window.reset();
  state_->begin_stream();
}

void Explainer::set_target(const Target& target) {
  check_target(target, state_->bundle);
  std::lock_guard<std::mutex> lock(state_->changing);
  check_contrast(target, state_->settings.method, state_->bundle);
  state_->settings.target = target;
}

void Explainer::set_method(const std::string& method) {
  plan_method(state_->bundle, method);
  std::lock_guard<std::mutex> lock(state_->changing);
  check_contrast(state_->settings.target, method, state_->bundle);
  state_->settings.method = method;
}

void Explainer::set_threshold(float threshold) {
  check_threshold(threshold);
  std::lock_guard<std::mutex> lock(state_->changing);
  state_->settings.threshold = threshold;
}

void Explainer::set_hop(int hop) {
  check_hop(hop, state_->bundle);
  std::lock_guard<std::mutex> lock(state_->changing);
  state_->settings.hop = hop;
}

void Explainer::set_budget(double milliseconds) {
  MethodBudget(milliseconds, {""});  // its check
  std::lock_guard<std::mutex> lock(state_->changing);
  state_->settings.budget_ms = milliseconds;
}

void Explainer::set_method_options(const MethodOptions& options) {
  const ClipSpec& clip = state_->bundle.clip;
  check_multi_pass(options.multi_pass, clip);
  check_sigma(options.sigma);
  check(options.frozen >= -1 && options.frozen < clip.length, ErrorCode::kUsage,
        "the frozen slice must be −1 (the middle one) … ", clip.length - 1, ", not ",
        options.frozen);
  std::lock_guard<std::mutex> lock(state_->changing);
  state_->settings.options = options;
}

const Bundle& Explainer::bundle() const { return state_->bundle; }

EngineInfo Explainer::engine_info() const {
  std::lock_guard<std::mutex> running(state_->running);
  return state_->engine(plan_method(state_->bundle, state_->snapshot().method).graph).info();
}

}  // namespace tubecam
