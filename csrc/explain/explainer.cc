#include "explain/explainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "explain/conservation.h"
#include "explain/method_budget.h"

namespace tubecam {
namespace {

class Stopwatch {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

void check_target(int64_t target, const Bundle& bundle) {
  const int64_t last = int64_t(bundle.labels.size()) - 1;
  check(target >= -1 && target <= last, ErrorCode::kUsage,
        "the target class must be −1 (the predicted one) … ", last, ", not ", target);
}

void check_threshold(float threshold) {
  check(threshold >= 0 && threshold <= 1, ErrorCode::kUsage,
        "the threshold must be 0 … 1 of the tube's maximum, not ", threshold);
}

void check_hop(int hop, const Bundle& bundle) {
  check(hop >= 1 && hop <= bundle.clip.length, ErrorCode::kUsage, "the hop must be 1 … ",
        bundle.clip.length, " slices (the clip's length), not ", hop);
}

size_t find_graph(const Bundle& bundle, const std::string& method) {
  std::string offered;
  for (size_t i = 0; i < bundle.graphs.size(); ++i) {
    for (const std::string& name : bundle.graphs[i].methods) {
      if (name == method) return i;
      offered += (offered.empty() ? "" : ", ") + name;
    }
  }
  fail(ErrorCode::kUsage, "the bundle ", bundle.name, " has no method \"", method,
       "\": choose one of ", offered);
}

// Without an early way out, so that it vectorises.
bool all_finite(const TensorView& tensor) {
  const float* values = tensor.f32();
  const int64_t count = num_elements(tensor.shape);
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) finite &= std::isfinite(values[i]);
  return finite;
}

// Softmax of the logits at one class, in float64 and without overflow.
float probability(const std::vector<float>& logits, size_t at) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  return float(std::exp(logits[at] - most) / sum);
}

int64_t pts_at(const Window& window, double slice) {
  if (window.pts.empty()) return 0;
  const double last = double(window.pts.size() - 1);
  const double index = std::clamp(slice, 0.0, last);
  const size_t low = size_t(index), high = std::min(low + 1, window.pts.size() - 1);
  const double part = index - double(low);
  return window.pts[low] + int64_t(std::llround(part * double(window.pts[high] - window.pts[low])));
}

// The model's crop relative to the frame.
Box relative_source(const Window& window) {
  const double width = std::max(1, window.frame_width), height = std::max(1, window.frame_height);
  return {float(window.source.x / width), float(window.source.y / height),
          float(window.source.width / width), float(window.source.height / height), 0};
}

CamInput cam_input(const EngineOutputs& outputs, const LayerSpec& layer) {
  const auto& shape = layer.shape;
  return {outputs.activation.f32(),
          outputs.weight.f32(),
          outputs.gradient.f32(),
          shape[0],
          shape[1],
          shape[2],
          shape[3]};
}

// A class-activation map of the layer, or what the graph itself found.
CamStats read_relevance(const EngineOutputs& outputs, const LayerSpec& layer,
                        const std::string& method, float* tube) {
  const auto& shape = layer.shape;
  if (outputs.relevance.data) {
    return copy_relevance(outputs.relevance.f32(), shape[1], shape[2], shape[3], tube);
  }
  return cam3d(cam_input(outputs, layer), parse_cam_method(method), tube);
}

std::string what_explains(const EngineOutputs& outputs, const LayerSpec& layer) {
  if (outputs.relevance.data) return "the relevance to the " + layer.name;
  const std::string other = outputs.weight.data ? "weight" : "gradient";
  return "the activation or the " + other + " of layer " + layer.name;
}

void invalidate(const std::string& problem, Explanation* result) {
  result->valid = false;
  result->problem = problem;
}

}  // namespace

// What the setters change. explain() works on a copy.
struct Settings {
  std::string method;
  int64_t target = -1;
  float threshold = 0.5f;
  int hop = 4;
  double budget_ms = 0;
};

struct Explainer::State {
  Bundle bundle;
  EngineOptions engine_options;
  std::vector<std::unique_ptr<Engine>> engines;  // one a graph, made when first needed
  ClipWindow window;
  RelevanceSignal signal;
  std::vector<float> clip;
  double preprocess_ms = 0;  // since the last window
  MethodBudget budget;       // for `budgeted`
  Settings budgeted;
  std::mutex running;  // held while a window is explained
  mutable std::mutex changing;
  Settings settings;

  State(Bundle loaded, const ExplainerOptions& options)
      : bundle(std::move(loaded)),
        engine_options(options.engine),
        engines(bundle.graphs.size()),
        window(bundle.clip, options.hop),
        signal(bundle.clip.sample_fps) {}

  Settings snapshot() const {
    std::lock_guard<std::mutex> lock(changing);
    return settings;
  }

  Engine& engine(size_t graph) {
    if (!engines[graph]) engines[graph] = make_engine(bundle, bundle.graphs[graph], engine_options);
    return *engines[graph];
  }

  void keep_budget(const Settings& now);
  Explanation explain(const float* clip, const Window& where);
  Explanation blank(const LayerSpec& layer, const Window& where, const std::string& method,
                    const EngineInfo& info) const;
  Explanation refuse_clip(int64_t target, Explanation result) const;
  void read_logits(const TensorView& logits, int64_t target, Explanation* result) const;
  void read_tube(const EngineOutputs& outputs, const LayerSpec& layer, const Settings& now,
                 Explanation* result) const;
  void locate(const CamStats& stats, float threshold, Explanation* result) const;
};

// An explanation with its shape, place and receipt, and no relevance yet.
Explanation Explainer::State::blank(const LayerSpec& layer, const Window& where,
                                    const std::string& method, const EngineInfo& info) const {
  Explanation result;
  result.window = where;
  result.curve.resize(size_t(bundle.clip.length));
  result.shape = {layer.shape[1], layer.shape[2], layer.shape[3]};
  result.stride = layer.stride;
  result.offset = layer.offset;
  result.tube.resize(size_t(layer.shape[1]) * size_t(layer.shape[2]) * size_t(layer.shape[3]));
  Receipt& receipt = result.receipt;
  receipt.method = method;
  receipt.layer = layer.name;
  receipt.engine = info.name + " " + info.version;
  receipt.precision = info.precision;
  receipt.export_error = bundle.export_error;
  return result;
}

// Networks may swallow a NaN (ReLU gives 0 in OpenVINO), so a clip is looked at before it is run.
Explanation Explainer::State::refuse_clip(int64_t target, Explanation result) const {
  std::vector<float> logits(bundle.labels.size(), std::numeric_limits<float>::quiet_NaN());
  read_logits({logits.data(), DType::kFloat32, {1, int64_t(logits.size())}, {}}, target, &result);
  result.problem = "the clip holds NaN or infinity";
  return result;
}

void Explainer::State::read_logits(const TensorView& logits, int64_t target,
                                   Explanation* result) const {
  result->logits.assign(logits.f32(), logits.f32() + bundle.labels.size());
  result->target = target;
  if (target >= 0) result->target_name = bundle.labels[size_t(target)];
  if (!all_finite(logits)) return invalidate("the logits hold NaN or infinity", result);
  const auto& values = result->logits;
  result->label = std::max_element(values.begin(), values.end()) - values.begin();
  result->label_name = bundle.labels[size_t(result->label)];
  result->score = probability(values, size_t(result->label));
  if (target < 0) {
    result->target = result->label;
    result->target_name = result->label_name;
  }
  result->receipt.logit = values[size_t(result->target)];
}

void Explainer::State::read_tube(const EngineOutputs& outputs, const LayerSpec& layer,
                                 const Settings& now, Explanation* result) const {
  const CamStats stats = read_relevance(outputs, layer, now.method, result->tube.data());
  Receipt& receipt = result->receipt;
  receipt.relevance_sum = stats.sum;
  receipt.conservation = conservation(now.method, stats.sum, result->logits, receipt.logit);
  if (!stats.finite)
    return invalidate(what_explains(outputs, layer) + " holds NaN or infinity", result);
  temporal_curve(result->view(), bundle.clip.length, result->curve.data());
  locate(stats, now.threshold, result);
}

void Explainer::State::locate(const CamStats& stats, float threshold, Explanation* result) const {
  const TubeView tube = result->view();
  const Box source = relative_source(result->window);
  const Peak peak = result->peak = tube_peak(tube, stats.peak);
  result->peak_pts = pts_at(result->window, peak.slice);
  result->peak_point = {source.x + source.width * float((peak.x + 0.5) / bundle.clip.width),
                        source.y + source.height * float((peak.y + 0.5) / bundle.clip.height), 0, 0,
                        peak.value};
  if (stats.max <= 0) return;  // nothing speaks for the target, so there is nothing to frame
  std::vector<float> plane(size_t(tube.h) * size_t(tube.w));
  tube_plane(tube, peak.slice, plane.data());
  result->boxes = plane_boxes(plane.data(), tube, bundle.clip.height, bundle.clip.width, source,
                              std::max(threshold * stats.max, std::numeric_limits<float>::min()));
}

// Compiles what it may fall back on: a machine that is behind has no time for that.
void Explainer::State::keep_budget(const Settings& now) {
  if (now.method == budgeted.method && now.budget_ms == budgeted.budget_ms) return;
  std::vector<std::string> methods = {now.method};
  if (now.budget_ms > 0) methods = fallback_methods(bundle, now.method);
  for (size_t i = 1; i < methods.size(); ++i) engine(find_graph(bundle, methods[i]));
  budget = MethodBudget(now.budget_ms, methods);
  budgeted = now;
}

Explanation Explainer::State::explain(const float* clip, const Window& where) {
  const ClipSpec& spec = bundle.clip;
  check(clip != nullptr, ErrorCode::kUsage, "explain: the clip is empty");
  check(where.pts.size() == size_t(spec.length), ErrorCode::kUsage, "explain: a window needs ",
        spec.length, " presentation times, not ", where.pts.size());
  Settings now = snapshot();
  keep_budget(now);
  now.method = budget.method();
  const size_t graph = find_graph(bundle, now.method);
  const LayerSpec& layer = bundle.graphs[graph].layer;
  Engine& runner = engine(graph);
  Explanation result = blank(layer, where, now.method, runner.info());
  result.receipt.downgraded_from = budget.downgraded_from();
  result.receipt.class_specific = bundle.graphs[graph].unspecific.count(now.method) == 0;
  const TensorView view{const_cast<float*>(clip),
                        DType::kFloat32,
                        {1, spec.length, 3, spec.height, spec.width},
                        engine_options.device};
  if (!all_finite(view)) return refuse_clip(now.target, std::move(result));
  const Stopwatch engine_time;
  const EngineOutputs& outputs = runner.infer({view, now.target, {}});
  result.timings.engine = engine_time.milliseconds();
  const Stopwatch explain_time;
  read_logits(outputs.logits, now.target, &result);
  if (result.valid) read_tube(outputs, layer, now, &result);
  result.timings.explain = explain_time.milliseconds();
  budget.took(result.timings.engine + result.timings.explain);
  return result;
}

TubeView Explanation::view() const {
  return {tube.data(), shape[0], shape[1], shape[2], stride, offset};
}

Explainer::Explainer(const std::string& bundle_folder, const ExplainerOptions& options) {
  Bundle bundle = load_bundle(bundle_folder);
  check_hop(options.hop, bundle);
  state_ = std::make_unique<State>(std::move(bundle), options);
  set_hop(options.hop);
  set_target(options.target);
  set_threshold(options.threshold);
  set_budget(options.budget_ms);
  set_method(options.method.empty() ? state_->bundle.graphs[0].default_method : options.method);
  state_->engine(find_graph(state_->bundle, state_->settings.method));
}

Explainer::~Explainer() = default;

std::optional<Explanation> Explainer::push(const Frame& frame, int64_t pts) {
  std::lock_guard<std::mutex> running(state_->running);
  const Stopwatch watch;
  state_->window.set_hop(state_->snapshot().hop);
  const bool complete = state_->window.push(frame, pts);
  state_->preprocess_ms += watch.milliseconds();
  if (!complete) return std::nullopt;
  const ClipSpec& spec = state_->bundle.clip;
  state_->clip.resize(size_t(spec.length) * 3 * size_t(spec.height) * size_t(spec.width));
  state_->window.copy_to(state_->clip.data());
  Explanation result = state_->explain(state_->clip.data(), state_->window.window());
  result.timings.preprocess = std::exchange(state_->preprocess_ms, 0);
  if (result.valid) result.signal = state_->signal.add(result.window, result.curve.data());
  return result;
}

Explanation Explainer::explain(const float* clip, const Window& window) {
  std::lock_guard<std::mutex> running(state_->running);
  return state_->explain(clip, window);
}

void Explainer::reset() {
  std::lock_guard<std::mutex> running(state_->running);
  state_->window.reset();
  state_->signal.reset();
  state_->preprocess_ms = 0;
}

void Explainer::set_target(int64_t target) {
  check_target(target, state_->bundle);
  std::lock_guard<std::mutex> lock(state_->changing);
  state_->settings.target = target;
}

void Explainer::set_method(const std::string& method) {
  find_graph(state_->bundle, method);
  std::lock_guard<std::mutex> lock(state_->changing);
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

const Bundle& Explainer::bundle() const { return state_->bundle; }

EngineInfo Explainer::engine_info() const {
  std::lock_guard<std::mutex> running(state_->running);
  return state_->engine(find_graph(state_->bundle, state_->snapshot().method)).info();
}

double slice_at(const Window& window, int64_t pts) {
  const auto& times = window.pts;
  if (times.empty() || pts < times.front()) return 0;
  const auto after = std::upper_bound(times.begin(), times.end(), pts);
  const double index = double(after - times.begin()) - 1;
  if (after == times.end()) return index;
  return index + double(pts - after[-1]) / double(*after - after[-1]);
}

}  // namespace tubecam
