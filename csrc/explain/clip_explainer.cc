#include "explain/clip_explainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/stopwatch.h"
#include "explain/methods/cam3d.h"
#include "explain/methods/cam_input.h"
#include "explain/methods/conservation.h"
#include "explain/methods/motion.h"
#include "explain/methods/pathways.h"
#include "explain/peak_and_boxes.h"
#include "explain/receipt/unit.h"
#include "explain/scores.h"

namespace tubecam {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Without an early way out, so that it vectorises.
bool all_finite(const float* values, size_t count) {
  bool finite = true;
  for (size_t i = 0; i < count; ++i) finite &= std::isfinite(values[i]);
  return finite;
}

TensorView view_of(const float* values, const Shape& shape) {
  return {const_cast<float*>(values), DType::kFloat32, shape, {}};
}

// Of a tube that is no class-activation map.
CamStats stats_of(const std::vector<float>& values, const LayerSpec& layer, float* tube) {
  return copy_relevance(values.data(), layer.shape[1], layer.shape[2], layer.shape[3], tube);
}

// The working state of one explanation.
class ClipExplainer {
 public:
  ClipExplainer(const ClipStages& stages, const Bundle& bundle, const MethodPlan& plan,
                const ClipRequest& request)
      : engine_(stages.engine),
        flow_(stages.flow),
        cam_(stages.cam),
        reader_(stages.reader),
        bundle_(bundle),
        plan_(plan),
        request_(request),
        graph_(bundle.graphs[plan.graph]),
        layer_(graph_.layer),
        spec_(bundle.clip) {}

  Explanation run(const TensorView& clip, const Window& where);

 private:
  void take_clip(const TensorView& clip);
  const float* host_clip();
  bool is_finite() const;
  const EngineOutputs& infer(const TensorView& clip, int64_t target);
  const EngineOutputs& infer(const float* clip, int64_t target);
  const EngineOutputs& infer(const TensorView& clip, const TensorView& flow, int64_t target);
  Pass pass(const ModelInputs& inputs);
  std::vector<float> flow_of_clip();
  void begin(const Window& where);
  void read_logits(const float* logits);
  void invalidate(const std::string& problem);

  void explain(const EngineOutputs& outputs);
  CamStats run_multi_pass();
  CamStats cells_of(const MultiPassResult& found);
  CamStats relevance_of(const EngineOutputs& outputs, float* tube,
                        std::vector<Pathway>* pathways = nullptr) const;

  void split();
  void split_exactly();
  void estimate_motion();
  void add_still(int slice, std::vector<float>* tube);
  void offer_device_tube();
  int cell_at(int slice) const;

  Engine& engine_;
  ClipFlow* flow_;
  const std::shared_ptr<const DeviceCam> cam_;
  ClipReader* reader_;
  const Bundle& bundle_;
  const MethodPlan& plan_;
  const ClipRequest& request_;
  const GraphSpec& graph_;
  const LayerSpec& layer_;
  const ClipSpec& spec_;
  TensorView clip_;
  const float* host_ = nullptr;  // of clip_, once it was asked for
  std::vector<float> frozen_;    // a clip
  ContrastPass contrast_;
  double engine_ms_ = 0;
  Explanation result_;
};

// A clip on a GPU is checked there, ahead of the engine; not where its flow is
// wanted, which is computed in system memory.
void ClipExplainer::take_clip(const TensorView& clip) {
  clip_ = clip;
  if (clip.device.type == DeviceType::kCpu)
    host_ = clip.f32();
  else if (flow_)
    host_ = reader_->download(clip);
  else
    clip_ = reader_->check_finite_async(clip);
}

bool ClipExplainer::is_finite() const {
  return host_ ? all_finite(host_, size_t(num_elements(clip_.shape))) : reader_->finite();
}

const float* ClipExplainer::host_clip() {
  if (!host_) host_ = reader_->download(clip_);
  return host_;
}

const EngineOutputs& ClipExplainer::infer(const float* clip, int64_t target) {
  return infer(view_of(clip, clip_shape(spec_)), target);
}

const EngineOutputs& ClipExplainer::infer(const TensorView& clip, int64_t target) {
  const Stopwatch flow_watch;
  TensorView flow;
  if (flow_) {
    flow = flow_->run(clip.device.type == DeviceType::kCpu ? clip.f32() : host_clip());
    result_.timings.preprocess += flow_watch.milliseconds();
  }
  return infer(clip, flow, target);
}

const EngineOutputs& ClipExplainer::infer(const TensorView& clip, const TensorView& flow,
                                          int64_t target) {
  const Stopwatch watch;
  const EngineOutputs& outputs = contrast_.infer(engine_, {clip, target, flow}, request_.target);
  engine_ms_ += watch.milliseconds();
  result_.receipt.passes += request_.target.passes();
  return outputs;
}

// Its shape, place and receipt, and no relevance yet.
void ClipExplainer::begin(const Window& where) {
  const EngineInfo info = engine_.info();
  result_.window = where;
  result_.clip = {spec_.length, spec_.height, spec_.width};
  result_.threshold = request_.threshold;
  result_.head = bundle_.head.kind;
  result_.curve.resize(size_t(spec_.length));
  result_.shape = {layer_.shape[1], layer_.shape[2], layer_.shape[3]};
  result_.stride = layer_.stride;
  result_.offset = layer_.offset;
  result_.tube.resize(layer_.cells());
  Receipt& receipt = result_.receipt;
  receipt.bundle = bundle_.name;
  receipt.method = request_.method;
  receipt.layer = layer_.name;
  receipt.receptive_field = layer_.receptive_field;
  receipt.unit = unit_of(plan_.base, bundle_.head);
  receipt.engine = info.name + " " + info.version;
  receipt.precision = info.precision;
  receipt.export_error = bundle_.export_error;
  receipt.class_specific = graph_.class_specific(plan_.base);
  receipt.map_correlation = graph_.map_correlation;
  receipt.exceeds_drift_limit = graph_.exceeds_drift_limit;
  receipt.passes = 0;
}

void ClipExplainer::invalidate(const std::string& problem) {
  result_.valid = false;
  result_.problem = problem;
}

void ClipExplainer::read_logits(const float* logits) {
  const int64_t target = request_.target.label, against = request_.target.against;
  result_.logits.assign(logits, logits + bundle_.labels.size());
  result_.target = target;
  result_.against = against;
  if (target >= 0) result_.target_name = bundle_.labels[size_t(target)];
  if (against >= 0) result_.target_name += ":" + bundle_.labels[size_t(against)];
  const auto& values = result_.logits;
  if (!all_finite(values.data(), values.size())) {
    return invalidate("the logits hold NaN or infinity");
  }
  result_.label = std::max_element(values.begin(), values.end()) - values.begin();
  result_.label_name = bundle_.labels[size_t(result_.label)];
  result_.scores = scores_of(values, bundle_.head.kind);
  result_.score = result_.scores[size_t(result_.label)];
  result_.also = also_present(result_.scores, bundle_.head.kind, result_.label, bundle_.labels);
  if (target < 0) {
    result_.target = result_.label;
    result_.target_name = result_.label_name;
  }
  result_.receipt.logit = explained_logit(logits, {result_.target, result_.against});
}

// A class-activation map of the layer, or what the graph itself found.
CamStats ClipExplainer::relevance_of(const EngineOutputs& outputs, float* tube,
                                     std::vector<Pathway>* pathways) const {
  const auto& shape = layer_.shape;
  if (cam_) return cam_->copy_to(tube);
  if (!graph_.pathways.empty()) {
    const CamMethod method =
        graph_.gives_relevance() ? CamMethod::kCam : parse_cam_method(plan_.base);
    PathwayTubes found = explain_pathways(outputs, graph_, method, tube);
    if (pathways) *pathways = std::move(found.pathways);
    return found.joined;
  }
  if (outputs.relevance.data) {
    return copy_relevance(outputs.relevance.f32(), shape[1], shape[2], shape[3], tube);
  }
  return cam3d(cam_input(outputs, layer_), parse_cam_method(plan_.base), tube);
}

// One pass at given inputs, whose flow need not be that of their clip.
Pass ClipExplainer::pass(const ModelInputs& inputs) {
  TensorView flow;
  if (inputs.flow) {
    const int64_t length = spec_.length;
    flow = view_of(inputs.flow, {1, length - 1, 2, spec_.height, spec_.width});
  }
  const EngineOutputs& outputs =
      infer(view_of(inputs.clip, clip_shape(spec_)), flow, result_.target);
  ModelInputs gradient{outputs.gradient.f32()};
  for (size_t i = 0; i < graph_.pathways.size(); ++i) {
    (graph_.pathways[i].of_flow ? gradient.flow : gradient.clip) =
        outputs.pathways[i].gradient.f32();
  }
  return {gradient, explained_logit(outputs.logits.f32(), {result_.target, result_.against})};
}

std::vector<float> ClipExplainer::flow_of_clip() {
  if (!flow_) return {};
  const TensorView flow = flow_->run(host_clip());
  return {flow.f32(), flow.f32() + num_elements(flow.shape)};
}

CamStats ClipExplainer::run_multi_pass() {
  const auto method = plan_.kind == PlanKind::kIntegratedGradients ? integrated_gradients
                      : plan_.kind == PlanKind::kSmoothGrad        ? smoothgrad
                                                                   : gradient_shap;
  const std::vector<float> flow = flow_of_clip();
  const ModelInputs x{host_clip(), flow.empty() ? nullptr : flow.data()};
  const MultiPassResult found = method([this](const ModelInputs& inputs) { return pass(inputs); },
                                       x, spec_, request_.options.multi_pass);
  const CamStats stats = cells_of(found);
  Receipt& receipt = result_.receipt;
  receipt.baseline_logit = found.baseline_logit;
  receipt.conservation =
      share_of_difference(stats.sum, result_.logits, receipt.logit, found.baseline_logit);
  return stats;
}

// The tube of a graph that gives the gradient of the clip, or those of the clip and its flow.
CamStats ClipExplainer::cells_of(const MultiPassResult& found) {
  const auto summed = [this](const std::vector<float>& relevance, const LayerSpec& layer) {
    std::vector<float> cells(layer.cells());
    sum_cells(relevance, spec_, layer.shape[1], layer.shape[2], layer.shape[3], cells.data());
    return cells;
  };
  if (graph_.pathways.empty()) {
    return stats_of(summed(found.clip, layer_), layer_, result_.tube.data());
  }
  std::vector<std::vector<float>> cells;
  EngineOutputs outputs;
  for (const PathwaySpec& pathway : graph_.pathways) {
    const LayerSpec& layer = pathway.layer;
    cells.push_back(summed(pathway.of_flow ? found.flow : found.clip, layer));
    outputs.pathways.emplace_back().relevance =
        view_of(cells.back().data(), {1, layer.shape[1], layer.shape[2], layer.shape[3]});
  }
  PathwayTubes tubes = explain_pathways(outputs, graph_, CamMethod::kCam, result_.tube.data());
  result_.pathways = std::move(tubes.pathways);
  return tubes.joined;
}

void ClipExplainer::explain(const EngineOutputs& outputs) {
  Receipt& receipt = result_.receipt;
  CamStats stats;
  if (graph_.gives_input_gradient()) {
    stats = run_multi_pass();
  } else {
    stats = relevance_of(outputs, result_.tube.data(), &result_.pathways);
    receipt.conservation = conservation(plan_.base, stats.sum, result_.logits, receipt.logit);
  }
  receipt.relevance_sum = stats.sum;
  if (!stats.finite) return invalidate(graph_.what_explains() + " holds NaN or infinity");
  if (plan_.kind == PlanKind::kMotionSplit) {
    split();
  } else if (plan_.kind == PlanKind::kMotionSplitExact) {
    split_exactly();
  } else {
    estimate_motion();
  }
  if (plan_.kind == PlanKind::kSelective) {
    stats = stats_of(std::vector<float>(result_.tube), layer_, result_.tube.data());
  }
  find_peak_and_boxes(stats, request_.threshold, spec_, &result_);
}

// The cell in time whose centre is nearest to a sampled frame.
int ClipExplainer::cell_at(int slice) const {
  const double index = (slice - layer_.offset[0]) / layer_.stride[0];
  return int(std::lround(std::clamp(index, 0.0, double(layer_.shape[1] - 1))));
}

// The relevance of the same target to the clip with one sampled frame frozen.
void ClipExplainer::add_still(int slice, std::vector<float>* tube) {
  frozen_.resize(size_t(spec_.length) * 3 * size_t(spec_.height) * size_t(spec_.width));
  freeze_clip(host_clip(), spec_, slice, frozen_.data());
  if (!relevance_of(infer(frozen_.data(), result_.target), tube->data()).finite) {
    invalidate(graph_.what_explains() + " of the frozen clip holds NaN or infinity");
  }
}

void ClipExplainer::split() {
  const int slice = request_.options.frozen < 0 ? spec_.length / 2 : request_.options.frozen;
  std::vector<float> still(result_.tube.size());
  add_still(slice, &still);
  result_.motion.resize(still.size());
  const int plane = layer_.shape[2] * layer_.shape[3], begin = cell_at(slice) * plane;
  result_.motion_by = kFromSplit.name;
  result_.motion_share = split_motion(result_.tube.data(), still.data(), int(still.size()), begin,
                                      begin + plane, result_.motion.data());
}

void ClipExplainer::split_exactly() {
  const size_t plane = size_t(layer_.shape[2]) * size_t(layer_.shape[3]);
  std::vector<float> tube(result_.tube.size()), still(tube.size());
  std::vector<int> slices(size_t(layer_.shape[1]));
  for (int slice = 0; slice < spec_.length; ++slice) ++slices[size_t(cell_at(slice))];
  for (int slice = 0; slice < spec_.length && result_.valid; ++slice) {
    add_still(slice, &tube);
    const auto cell = size_t(cell_at(slice));
    for (size_t i = cell * plane; i < (cell + 1) * plane; ++i)
      still[i] += tube[i] / float(slices[cell]);
  }
  result_.motion.resize(still.size());
  result_.motion_by = kFromExactSplit.name;
  result_.motion_share = split_motion(result_.tube.data(), still.data(), int(still.size()), 0,
                                      int(still.size()), result_.motion.data());
}

// From the tube alone: relevance that changes over time. Only the method of that name draws it.
// Pathways of the flow need no estimate.
void ClipExplainer::estimate_motion() {
  const bool selects = plan_.kind == PlanKind::kSelective;
  if (!selects && sees_flow(result_.pathways)) {
    result_.motion_by = kFromFlow.name;
    result_.motion = flow_cells(result_.pathways, layer_);
    result_.motion_share = flow_share(result_.pathways);
    return;
  }
  std::vector<float> tube = result_.tube, motion(tube.size());
  result_.motion_by = kFromSelection.name;
  result_.motion_share = select_motion(tube.data(), layer_.shape[1], layer_.shape[2],
                                       layer_.shape[3], request_.options.sigma, motion.data());
  if (selects) result_.tube = std::move(tube);
}

// What later passes left there is no tube of this clip.
void ClipExplainer::offer_device_tube() {
  if (!cam_ || plan_.kind != PlanKind::kOnePass) return;
  result_.device_tube =
      std::make_shared<const DeviceTube>(DeviceTube{cam_->device_tube(), cam_, cam_->window()});
}

// Networks may swallow a NaN (ReLU gives 0 in OpenVINO), so the clip itself is checked: in system
// memory before it is run, on a GPU on the way.
Explanation ClipExplainer::run(const TensorView& clip, const Window& where) {
  begin(where);
  take_clip(clip);
  const bool on_the_way = host_ == nullptr;
  const Stopwatch watch;
  const EngineOutputs* outputs = nullptr;
  if (on_the_way || is_finite()) outputs = &infer(clip_, request_.target.label);
  if (!outputs || (on_the_way && !is_finite())) {
    read_logits(std::vector<float>(bundle_.labels.size(), kNan).data());
    result_.problem = "the clip holds NaN or infinity";
    return std::move(result_);
  }
  read_logits(outputs->logits.f32());
  if (result_.valid) explain(*outputs);
  if (result_.valid) offer_device_tube();
  result_.timings.engine = engine_ms_;
  result_.timings.explain = watch.milliseconds() - engine_ms_ - result_.timings.preprocess;
  return std::move(result_);
}

}  // namespace

Explanation explain_clip(const ClipStages& stages, const Bundle& bundle, const MethodPlan& plan,
                         const ClipRequest& request, const TensorView& clip, const Window& where) {
  return ClipExplainer(stages, bundle, plan, request).run(clip, where);
}

}  // namespace tubecam
