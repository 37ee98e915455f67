#include "explain/clip_explainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/stopwatch.h"
#include "explain/methods/cam3d.h"
#include "explain/methods/conservation.h"
#include "explain/methods/motion.h"
#include "explain/methods/pathways.h"
#include "explain/peak_and_boxes.h"
#include "explain/receipt/scores.h"

namespace tubecam {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// What one explanation is made from.
struct ClipJob {
  const ClipStages& stages;
  const Bundle& bundle;
  const MethodPlan& plan;
  const ClipRequest& request;
  const GraphSpec& graph;
  LayerSpec grid;  // of the tube

  const ClipSpec& spec() const { return bundle.clip; }
};

Receipt receipt_of(const ClipJob& job) {
  const EngineInfo info = job.stages.engine.info();
  Receipt receipt;
  receipt.bundle = job.bundle.name;
  receipt.method = job.request.method;
  receipt.layer = job.grid.name;
  receipt.receptive_field = job.grid.receptive_field;
  receipt.unit = unit_of(job.plan.base, job.bundle.head);
  receipt.engine = info.name + " " + info.version;
  receipt.precision = info.precision;
  receipt.export_error = job.bundle.export_error;
  receipt.class_specific = job.graph.class_specific(job.plan.base);
  receipt.map_correlation = job.graph.map_correlation;
  receipt.exceeds_drift_limit = job.graph.exceeds_drift_limit;
  receipt.passes = 0;
  return receipt;
}

// Shape, place and receipt, and no relevance yet.
Explanation begin(const ClipJob& job, const Window& where) {
  const auto& shape = job.grid.shape;
  Explanation result;
  result.window = where;
  result.clip = {job.spec().length, job.spec().height, job.spec().width};
  result.threshold = job.request.threshold;
  result.head = job.bundle.head.kind;
  result.curve.resize(size_t(job.spec().length));
  result.shape = {shape[1], shape[2], shape[3]};
  result.stride = job.grid.stride;
  result.offset = job.grid.offset;
  result.tube.resize(job.grid.cells());
  result.receipt = receipt_of(job);
  return result;
}

void invalidate(const std::string& problem, Explanation* result) {
  result->valid = false;
  result->problem = problem;
}

// The value that relevance shares out: a logit, or the difference of two.
float explained_value(const Explanation& result, const float* logits) {
  const float other = result.against_index < 0 ? 0 : logits[size_t(result.against_index)];
  return logits[size_t(result.target_index)] - other;
}

void read_logits(const ClipJob& job, const float* logits, Explanation* result) {
  const auto& labels = job.bundle.labels;
  const auto& values = result->logits;
  result->logits.assign(logits, logits + labels.size());
  result->target_index = job.request.target.label;
  result->against_index = job.request.target.against;
  if (result->target_index >= 0) result->target = labels[size_t(result->target_index)];
  if (result->against_index >= 0) result->target += ":" + labels[size_t(result->against_index)];
  const bool finite =
      std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  if (!finite) return invalidate("the logits hold NaN or infinity", result);
  result->label_index = std::max_element(values.begin(), values.end()) - values.begin();
  result->label = labels[size_t(result->label_index)];
  result->scores = scores_of(values, job.bundle.head.kind);
  result->score = result->scores[size_t(result->label_index)];
  result->also = also_present(result->scores, job.bundle.head.kind, result->label_index, labels);
  if (result->target_index < 0) {
    result->target_index = result->label_index;
    result->target = result->label;
  }
  result->receipt.logit = explained_value(*result, logits);
}

// The tube of one pass.
LayerTubes tubes_of(const ClipJob& job, const EngineOutputs& outputs, float* tube) {
  if (job.stages.cam) return {{}, job.stages.cam->copy_to(tube)};
  const bool found = job.graph.gives_relevance();  // by the graph: no method is left to compute
  const CamMethod method = found ? CamMethod::kCam : parse_cam_method(job.plan.base);
  return explain_layers(outputs, job.graph, method, tube);
}

CamStats explain_one_pass(const ClipJob& job, const EngineOutputs& outputs, Explanation* result) {
  LayerTubes tubes = tubes_of(job, outputs, result->tube.data());
  result->pathways = std::move(tubes.pathways);
  Receipt& receipt = result->receipt;
  receipt.conservation =
      conservation(job.plan.base, tubes.stats.sum, result->logits, receipt.logit);
  return tubes.stats;
}

// The gradients of the inputs, and the explained value.
Pass run_pass(const ClipJob& job, const ModelInputs& inputs, const Explanation& result,
              ModelPasses* passes) {
  const auto& layers = job.graph.layers;
  const EngineOutputs& outputs = passes->infer(inputs, result.target_index);
  ModelInputs gradient{nullptr};
  for (size_t i = 0; i < layers.size(); ++i)
    (layers[i].of_flow ? gradient.flow : gradient.clip) = outputs.layers[i].gradient.f32();
  return {gradient, explained_value(result, outputs.logits.f32())};
}

// Relevance of pixels, summed over each input's cells.
LayerTubes sum_to_tubes(const ClipJob& job, const MultiPassResult& found, float* tube) {
  const auto& layers = job.graph.layers;
  std::vector<std::vector<float>> sums(layers.size());
  EngineOutputs outputs;
  outputs.layers.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto& shape = layers[i].layer.shape;
    const int t = shape[1], h = shape[2], w = shape[3];
    sums[i].resize(layers[i].layer.cells());
    sum_cells(layers[i].of_flow ? found.flow : found.clip, job.spec(), t, h, w, sums[i].data());
    outputs.layers[i].relevance = {sums[i].data(), DType::kFloat32, {1, t, h, w}, {}};
  }
  return explain_layers(outputs, job.graph, CamMethod::kCam, tube);
}

CamStats explain_multi_pass(const ClipJob& job, ModelPasses* passes, Explanation* result) {
  const PlanKind kind = job.plan.kind;
  const auto method = kind == PlanKind::kIntegratedGradients ? integrated_gradients
                      : kind == PlanKind::kSmoothGrad        ? smoothgrad
                                                             : gradient_shap;
  const std::vector<float> flow = passes->flow_of_clip();
  const ModelInputs x{passes->host_clip(), flow.empty() ? nullptr : flow.data()};
  const auto run = [&](const ModelInputs& inputs) {
    return run_pass(job, inputs, *result, passes);
  };
  const MultiPassResult found = method(run, x, job.spec(), job.request.options.multi_pass);
  LayerTubes tubes = sum_to_tubes(job, found, result->tube.data());
  result->pathways = std::move(tubes.pathways);
  Receipt& receipt = result->receipt;
  receipt.baseline_logit = found.baseline_logit;
  receipt.conservation =
      share_of_difference(tubes.stats.sum, result->logits, receipt.logit, found.baseline_logit);
  return tubes.stats;
}

// Against the clip with slices frozen.
Motion split(const ClipJob& job, ModelPasses* passes, Explanation* result) {
  const ClipSpec& spec = job.spec();
  std::vector<float> frozen(size_t(num_elements(clip_shape(spec))));
  const RelevanceOfStill still = [&](int slice, float* tube) {
    freeze_clip(passes->host_clip(), spec, slice, frozen.data());
    const EngineOutputs& outputs = passes->infer(frozen.data(), result->target_index);
    if (tubes_of(job, outputs, tube).stats.finite) return true;
    invalidate(job.graph.what_explains() + " of the frozen clip holds NaN or infinity", result);
    return false;
  };
  if (job.plan.kind == PlanKind::kMotionSplitExact)
    return split_exactly(result->tube, job.grid, spec.length, still);
  const int chosen = job.request.options.frozen;
  return split_live(result->tube, job.grid, chosen < 0 ? spec.length / 2 : chosen, still);
}

// From the tube alone: relevance that changes over time. Only the method of that name shows it, by
// its tube: cells are left out.
Motion find_change(const ClipJob& job, Explanation* result) {
  const auto& shape = job.grid.shape;
  std::vector<float> tube = result->tube, kept(tube.size());
  Motion motion{kFromSelection.name, {}};
  motion.share = select_motion(tube.data(), shape[1], shape[2], shape[3], job.request.options.sigma,
                               kept.data());
  if (job.plan.kind == PlanKind::kSelective) result->tube = std::move(tube);
  return motion;
}

Motion find_motion(const ClipJob& job, ModelPasses* passes, Explanation* result) {
  const PlanKind kind = job.plan.kind;
  if (kind == PlanKind::kMotionSplit || kind == PlanKind::kMotionSplitExact)
    return split(job, passes, result);
  // Pathways of the flow need no estimate.
  if (kind != PlanKind::kSelective && sees_flow(result->pathways))
    return {kFromFlow.name, flow_cells(result->pathways, job.grid), flow_share(result->pathways)};
  return find_change(job, result);
}

void explain(const ClipJob& job, const EngineOutputs& outputs, ModelPasses* passes,
             Explanation* result) {
  CamStats stats = job.graph.gives_input_gradient() ? explain_multi_pass(job, passes, result)
                                                    : explain_one_pass(job, outputs, result);
  result->receipt.relevance_sum = stats.sum;
  if (!stats.finite)
    return invalidate(job.graph.what_explains() + " holds NaN or infinity", result);
  Motion motion = find_motion(job, passes, result);
  result->motion_by = motion.by;
  result->motion = std::move(motion.cells);
  result->motion_share = motion.share;
  if (job.plan.kind == PlanKind::kSelective) {  // the tube is another one now
    const std::vector<float> kept(result->tube);
    const auto& [t, h, w] = result->shape;
    stats = copy_relevance(kept.data(), t, h, w, result->tube.data());
  }
  find_peak_and_boxes(stats, job.request.threshold, job.spec(), result);
}

// What later passes left there is no tube of this clip.
void offer_device_tube(const ClipJob& job, Explanation* result) {
  const auto& cam = job.stages.cam;
  if (!cam || job.plan.kind != PlanKind::kOnePass) return;
  result->device_tube =
      std::make_shared<const DeviceTube>(DeviceTube{cam->device_tube(), cam, cam->window()});
}

// Networks may swallow a NaN (ReLU gives 0 in OpenVINO), so the clip itself is checked: in system
// memory before it is run, on a GPU on the way.
void run(const ClipJob& job, ModelPasses* passes, Explanation* result) {
  const bool on_the_way = passes->checks_on_the_way();
  const EngineOutputs* outputs = nullptr;
  if (on_the_way || passes->is_finite()) outputs = &passes->infer(job.request.target.label);
  if (!outputs || (on_the_way && !passes->is_finite())) {
    read_logits(job, std::vector<float>(job.bundle.labels.size(), kNan).data(), result);
    result->problem = "the clip holds NaN or infinity";
    return;
  }
  read_logits(job, outputs->logits.f32(), result);
  if (result->valid) explain(job, *outputs, passes, result);
  if (result->valid) offer_device_tube(job, result);
}

}  // namespace

Explanation explain_clip(const ClipStages& stages, const Bundle& bundle, const MethodPlan& plan,
                         const ClipRequest& request, const TensorView& clip, const Window& where) {
  const GraphSpec& graph = bundle.graphs[plan.graph];
  const ClipJob job{stages, bundle, plan, request, graph, graph.grid()};
  Explanation result = begin(job, where);
  ModelPasses passes(stages, bundle.clip, clip, request.target.against);
  const Stopwatch watch;
  run(job, &passes, &result);
  const double engine_ms = passes.engine_ms(), flow_ms = passes.flow_ms();
  result.timings = {flow_ms, engine_ms, watch.milliseconds() - engine_ms - flow_ms};
  result.receipt.passes = passes.count();
  return result;
}

}  // namespace tubecam
