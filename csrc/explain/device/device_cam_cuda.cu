#include "base/error.h"
#include "explain/device/device_cam.h"
#include "explain/methods/cam3d_cuda.h"

namespace tubecam {
namespace {

CamJob job_of(const DeviceCamSpec& spec) {
  CamJob job;
  job.method = spec.method;
  job.channels = spec.layer.shape[0];
  job.t = spec.layer.shape[1];
  job.h = spec.layer.shape[2];
  job.w = spec.layer.shape[3];
  job.curve_length = spec.clip_length;
  job.time_stride = spec.layer.stride[0];
  job.time_offset = spec.layer.offset[0];
  return job;
}

class CudaDeviceCam final : public DeviceCam {
 public:
  explicit CudaDeviceCam(const DeviceCamSpec& spec) : job_(job_of(spec)), device_(spec.device) {
    use_cuda(spec.device);
    const size_t bytes = cam_result_bytes(job_);
    results_ = DeviceBuffer(bytes);
    workspace_ = DeviceBuffer(cam_workspace_bytes(job_));
    host_results_ = PinnedBuffer(bytes);
    prepare_cam_workspace(workspace_.data(), job_, stream_.get());
    stream_.synchronize();
  }

  void enqueue(const EngineOutputs& outputs, CUstream_st* stream) override {
    const LayerTensors& layer = outputs.layers.front();
    if (layer.relevance.data) {
      launch_relevance(job_, layer.relevance.data, layer.relevance.dtype, results_.data(),
                       workspace_.data(), stream);
    } else {
      const TensorView& activation = layer.activation;
      const bool same = !layer.gradient.data || layer.gradient.dtype == activation.dtype;
      check(same, ErrorCode::kEngine, "the engine gives activation and gradient in two precisions");
      launch_cam3d(job_,
                   {activation.data, layer.gradient.data, layer.weight.data, activation.dtype,
                    layer.weight.dtype},
                   results_.data(), workspace_.data(), stream);
    }
    copy_async(host_results_.data(), results_.data(), results_.bytes(), stream);
  }

  CamStats stats() const override { return cam_result_stats(host_results_.data()); }
  const float* curve() const override { return cam_result_curve(host_results_.data()); }
  const float* tube() const override { return cam_result_tube(job_, host_results_.data()); }
  TensorView device_tube() const override {
    auto* tube = const_cast<float*>(cam_result_tube(job_, results_.data()));  // an address alone
    return {tube, DType::kFloat32, {job_.t, job_.h, job_.w}, device_};
  }
  std::shared_ptr<float> copy_on_device() const override {
    use_cuda(device_);
    const auto memory = std::make_shared<DeviceBuffer>(size_t(job_.t) * job_.h * job_.w * 4);
    copy_async(memory->data(), device_tube().data, memory->bytes(), stream_.get());
    stream_.synchronize();
    return {memory, memory->as<float>()};
  }

 private:
  CamJob job_;
  Device device_;
  CudaStream stream_;  // apart from the engine's: of preparations and copies
  DeviceBuffer results_, workspace_;
  PinnedBuffer host_results_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::DeviceCam* tubecam_make_device_cam(
    const tubecam::DeviceCamSpec& spec) {
  return new tubecam::CudaDeviceCam(spec);
}
