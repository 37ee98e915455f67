#include "explain/model_passes.h"

#include <cmath>

#include "base/stopwatch.h"
#include "clip/clip_window.h"

namespace tubecam {
namespace {

// Without an early way out, so that it vectorises.
bool all_finite(const float* values, size_t count) {
  bool finite = true;
  for (size_t i = 0; i < count; ++i) finite &= std::isfinite(values[i]);
  return finite;
}

TensorView view_of(const float* values, const Shape& shape) {
  return {const_cast<float*>(values), DType::kFloat32, shape, {}};
}

}  // namespace

ModelPasses::ModelPasses(const ClipStages& stages, const ClipSpec& spec, const TensorView& clip,
                         int64_t against)
    : stages_(stages), spec_(spec), against_(against), clip_(clip) {
  if (clip.device.type == DeviceType::kCpu)
    host_ = clip.f32();
  else if (stages.flow)
    host_ = stages.reader->download(clip);
  else
    clip_ = stages.reader->check_finite_async(clip);
}

bool ModelPasses::is_finite() const {
  return host_ ? all_finite(host_, size_t(num_elements(clip_.shape))) : stages_.reader->finite();
}

const float* ModelPasses::host_clip() {
  if (!host_) host_ = stages_.reader->download(clip_);
  return host_;
}

std::vector<float> ModelPasses::flow_of_clip() {
  if (!stages_.flow) return {};
  const TensorView flow = stages_.flow->run(host_clip());
  return {flow.f32(), flow.f32() + num_elements(flow.shape)};
}

const EngineOutputs& ModelPasses::infer(int64_t target) { return infer_with_flow(clip_, target); }

const EngineOutputs& ModelPasses::infer(const float* clip, int64_t target) {
  return infer_with_flow(view_of(clip, clip_shape(spec_)), target);
}

const EngineOutputs& ModelPasses::infer(const ModelInputs& inputs, int64_t target) {
  const Shape flow = {1, spec_.length - 1, 2, spec_.height, spec_.width};
  return run({view_of(inputs.clip, clip_shape(spec_)), target,
              inputs.flow ? view_of(inputs.flow, flow) : TensorView{}});
}

const EngineOutputs& ModelPasses::infer_with_flow(const TensorView& clip, int64_t target) {
  if (!stages_.flow) return run({clip, target});
  const Stopwatch watch;
  const bool here = clip.device.type == DeviceType::kCpu;
  const TensorView flow = stages_.flow->run(here ? clip.f32() : host_clip());
  flow_ms_ += watch.milliseconds();
  return run({clip, target, flow});
}

const EngineOutputs& ModelPasses::run(const EngineInputs& inputs) {
  const Stopwatch watch;
  const bool contrasts = against_ >= 0;
  const EngineOutputs& outputs =
      contrasts ? contrast_.infer(stages_.engine, inputs, {inputs.target, against_})
                : stages_.engine.infer(inputs);
  engine_ms_ += watch.milliseconds();
  count_ += contrasts ? 2 : 1;
  return outputs;
}

}  // namespace tubecam
