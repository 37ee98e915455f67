#include <algorithm>
#include <cmath>
#include <vector>

#include "explain/methods/cam3d_cuda.h"
#include "explain/methods/cam3d_kernel.cuh"

namespace tubecam {
namespace {

constexpr int kTile = 32;        // channels whose weights lie in shared memory at once
constexpr int kMinChannels = 8;  // of a block
constexpr int kBlocksPerProcessor = 4;
constexpr int kMinThreads = 64;
constexpr int kMaxFrames = 4096;

int divide_up(int a, int b) { return (a + b - 1) / b; }

// How the work is divided; nothing of it depends on the tensors' type.
CamLaunch plan(const CamJob& job) {
  CamLaunch p{};
  p.method = job.method;
  p.channels = std::max(1, job.channels);
  p.t = job.t;
  p.cells = job.t * job.h * job.w;
  p.curve_length = job.curve_length;
  p.time_stride = job.time_stride;
  p.time_offset = job.time_offset;
  const int wanted = divide_up(multiprocessors() * kBlocksPerProcessor, std::max(1, job.batch));
  const int most = divide_up(p.channels, kMinChannels);
  p.block_channels = divide_up(p.channels, std::clamp(wanted, 1, most));
  p.blocks = divide_up(p.channels, p.block_channels);
  p.group_blocks = int(std::ceil(std::sqrt(double(p.blocks))));
  p.groups = divide_up(p.blocks, p.group_blocks);
  p.tickets = 1 + p.groups;
  p.result_bytes = cam_result_bytes(job);
  return p;
}

size_t ticket_bytes(const CamLaunch& p, const CamJob& job) {
  return (size_t(job.batch) * p.tickets * sizeof(unsigned) + 15) / 16 * 16;
}

void check_job(const CamJob& job, const void* results, const void* workspace) {
  const bool positive = job.channels > 0 && job.t > 0 && job.h > 0 && job.w > 0;
  check(positive, ErrorCode::kUsage,
        "cam3d: the activation [C, t, h, w] must have positive sizes, not [", job.channels, ", ",
        job.t, ", ", job.h, ", ", job.w, "]");
  const int64_t cells = int64_t{job.t} * job.h * job.w;
  check(cells <= (1 << 28), ErrorCode::kUsage, "cam3d: a tube of ", cells, " cells is too large");
  check(job.batch > 0 && job.batch <= 65535, ErrorCode::kUsage, "cam3d: a batch of ", job.batch,
        " clips is outside 1 to 65535");
  check(job.t <= kMaxFrames && job.curve_length >= 0, ErrorCode::kUsage, "cam3d: a tube of ", job.t,
        " cells along time with a curve of ", job.curve_length,
        " slices; CUDA's kernel takes up to ", kMaxFrames, " cells");
  check(results && workspace, ErrorCode::kUsage, "cam3d: needs memory for results and workspace");
}

template <typename T, int kCount>
void launch_vectors(const CamLaunch& p, int batch, StreamHandle stream) {
  const int threads = divide_up(divide_up(p.cells, kCount), kWarp) * kWarp;
  const size_t numbers = std::max(size_t(p.tile) * p.frames * sizeof(float), p.t * sizeof(double));
  launch("in cam3d", cam3d_kernel<T, kCount>, dim3(unsigned(p.blocks), unsigned(batch)),
         unsigned(std::clamp(threads, kMinThreads, kMaxThreads)),
         (sizeof(Scratch) + 15) / 16 * 16 + numbers, stream, p);
}

template <typename T>
bool takes_vectors(const CamLaunch& p, int count) {
  const auto aligned = [&](const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % (sizeof(T) * size_t(count)) == 0;
  };
  return p.cells % count == 0 && aligned(p.activation) && aligned(p.gradient);
}

void launch_plan(const CamJob& job, CamLaunch p, DType dtype, void* results, void* workspace,
                 StreamHandle stream) {
  p.frames = p.gradient && job.method == CamMethod::kGradCamFrame ? job.t : 1;
  p.tile = std::max(1, std::min({kTile, p.block_channels, kMaxFrames / p.frames}));
  p.ticket = static_cast<unsigned*>(workspace);
  p.partial = reinterpret_cast<float*>(static_cast<char*>(workspace) + ticket_bytes(p, job));
  p.group_sum = p.partial + size_t(job.batch) * p.blocks * p.cells;
  p.results = static_cast<char*>(results);
  with_float_type(dtype, "cam3d", [&](auto element) {
    using T = decltype(element);
    if (takes_vectors<T>(p, 4)) return launch_vectors<T, 4>(p, job.batch, stream);
    if (takes_vectors<T>(p, 2)) return launch_vectors<T, 2>(p, job.batch, stream);
    launch_vectors<T, 1>(p, job.batch, stream);
  });
}

}  // namespace

size_t cam_workspace_bytes(const CamJob& job) {
  const CamLaunch p = plan(job);
  const size_t tubes = size_t(job.batch) * (size_t(p.blocks) + size_t(p.groups));
  return ticket_bytes(p, job) + tubes * p.cells * sizeof(float);
}

void prepare_cam_workspace(void* workspace, const CamJob& job, StreamHandle stream) {
  zero_async(workspace, ticket_bytes(plan(job), job), stream);
}

void launch_cam3d(const CamJob& job, const CamTensors& tensors, void* results, void* workspace,
                  StreamHandle stream) {
  check_job(job, results, workspace);
  check(tensors.activation && (tensors.weight || tensors.gradient), ErrorCode::kUsage,
        "cam3d: needs an activation, and a weight or a gradient");
  check(tensors.weight || job.method != CamMethod::kCam, ErrorCode::kUsage,
        "cam3d: the method cam needs the head's weight; this graph gives a gradient, so choose "
        "gradcam");
  check(tensors.weight_dtype != DType::kInt64, ErrorCode::kUsage,
        "cam3d: weights must be float32, float16 or bfloat16");
  CamLaunch p = plan(job);
  p.activation = tensors.activation;
  p.weight = tensors.weight;
  p.weight_dtype = tensors.weight_dtype;
  p.gradient = tensors.weight ? nullptr : tensors.gradient;
  launch_plan(job, p, tensors.dtype, results, workspace, stream);
}

void launch_relevance(const CamJob& job, const void* relevance, DType dtype, void* results,
                      void* workspace, StreamHandle stream) {
  CamJob copy = job;
  copy.channels = 1;
  copy.method = CamMethod::kCam;  // keeps what is negative
  check_job(copy, results, workspace);
  check(relevance, ErrorCode::kUsage, "copy_relevance: needs a tube");
  CamLaunch p = plan(copy);
  p.activation = relevance;
  launch_plan(copy, p, dtype, results, workspace, stream);
}

}  // namespace tubecam

// cam3d() for tensors in system memory.
extern "C" TUBECAM_API void tubecam_cam3d(const tubecam::CamInput& input, tubecam::CamMethod method,
                                          float* tube, tubecam::CamStats* stats,
                                          tubecam::Device device) {
  using namespace tubecam;
  use_cuda(device);
  CamJob job;
  job.method = method;
  job.channels = input.channels;
  job.t = input.t;
  job.h = input.h;
  job.w = input.w;
  const size_t cells = size_t(input.t) * input.h * input.w, channels = size_t(input.channels);
  const CudaStream stream;
  const auto upload = [&](const float* values, size_t count) {
    DeviceBuffer buffer(values ? count * sizeof(float) : 0);
    if (values) copy_async(buffer.data(), values, buffer.bytes(), stream.get());
    return buffer;
  };
  const DeviceBuffer activation = upload(input.activation, channels * cells);
  const DeviceBuffer weight = upload(input.weight, channels);
  const DeviceBuffer gradient = upload(input.weight ? nullptr : input.gradient, channels * cells);
  const DeviceBuffer results(cam_result_bytes(job)), workspace(cam_workspace_bytes(job));
  prepare_cam_workspace(workspace.data(), job, stream.get());
  launch_cam3d(job, {activation.data(), gradient.data(), weight.data()}, results.data(),
               workspace.data(), stream.get());
  std::vector<CamResultHead> host(results.bytes() / sizeof(CamResultHead) + 1);
  copy_async(host.data(), results.data(), results.bytes(), stream.get());
  stream.synchronize();
  *stats = cam_result_stats(host.data());
  std::copy_n(cam_result_tube(job, host.data()), cells, tube);
}
