// The kernels' floors on a real GPU: each figure beside what it must reach. Exit status 1 when one
// does not.
//   build/cuda/tests/cpp/tubecam_cuda_bench
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/cuda/cuda.h"
#include "base/error.h"
#include "base/stopwatch.h"
#include "clip/frame_ring.h"
#include "clip/preprocess/preprocess_cuda.h"
#include "explain/methods/cam3d_cuda.h"
#include "overlay/overlay_cuda.h"

namespace tubecam {
namespace {

constexpr int kRepeats = 50;
constexpr double kLeastShare = 0.7;          // of the copy's bandwidth
constexpr double kMostMicroseconds = 15;     // of one small launch
constexpr size_t kBeyondCache = 1ull << 29;  // bytes: more than any GPU's L2

bool all_reached = true;

void report(const char* what, double value, const char* unit, double floor, bool at_least) {
  const bool reached = at_least ? value >= floor : value <= floor;
  all_reached &= reached;
  std::printf("%-44s %9.2f %-10s %s %.2f  %s\n", what, value, unit, at_least ? "≥" : "≤", floor,
              reached ? "reached" : "MISSED");
}

// Median over kRepeats of work in the stream, recorded as a graph so that launches cost nothing.
double microseconds(const std::function<void(StreamHandle)>& work, int per_graph = 1) {
  const CudaStream stream;
  work(stream.get());
  stream.synchronize();
  CapturedGraph graph;
  const std::string refused = graph.record(stream.get(), [&] {
    for (int i = 0; i < per_graph; ++i) work(stream.get());
  });
  check(refused.empty(), ErrorCode::kDevice, "the work cannot be recorded: ", refused);
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) {
    CudaEvent begin(true), end(true);
    begin.record(stream.get());
    graph.launch(stream.get());
    end.record(stream.get());
    end.synchronize();
    times.push_back(1000.0 * end.milliseconds_since(begin) / per_graph);
  }
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2];
}

// Bytes read and written each microsecond by a copy.
double copy_bandwidth() {
  const DeviceBuffer from(kBeyondCache), to(kBeyondCache);
  return 2 * double(kBeyondCache) / microseconds([&](StreamHandle stream) {
           copy_async(to.data(), from.data(), kBeyondCache, stream);
         });
}

struct Cam {
  CamJob job;
  DeviceBuffer activation, gradient, results, workspace;

  Cam(int batch, int channels, int t, int h, int w) {
    job.batch = batch, job.channels = channels, job.t = t, job.h = h, job.w = w;
    job.curve_length = 16;
    const size_t bytes = tensor_bytes();
    activation = DeviceBuffer(bytes);
    gradient = DeviceBuffer(bytes);
    results = DeviceBuffer(size_t(batch) * cam_result_bytes(job));
    workspace = DeviceBuffer(cam_workspace_bytes(job));
    const CudaStream stream;
    zero_async(activation.data(), bytes, stream.get());
    zero_async(gradient.data(), bytes, stream.get());
    prepare_cam_workspace(workspace.data(), job, stream.get());
    stream.synchronize();
  }
  size_t tensor_bytes() const {
    return size_t(job.batch) * size_t(job.channels) * size_t(job.t * job.h * job.w) * 2;
  }
  void run(StreamHandle stream) const {
    launch_cam3d(job,
                 {activation.data(), gradient.data(), nullptr, DType::kFloat16, DType::kFloat16},
                 results.data(), workspace.data(), stream);
  }
};

void measure_cam(int channels, int t, double bandwidth) {
  const std::string shape = std::to_string(channels) + "x" + std::to_string(t) + "x7x7 float16";
  const Cam one(1, channels, t, 7, 7);
  const int batch = int(kBeyondCache / (2 * one.tensor_bytes()));
  const Cam many(batch, channels, t, 7, 7);
  const double time = microseconds([&](StreamHandle stream) { many.run(stream); });
  report(("cam3d " + shape + ", of copy").c_str(),
         2.0 * double(many.tensor_bytes()) / time / bandwidth, "", kLeastShare, true);
  report(("cam3d " + shape + ", one").c_str(),
         microseconds([&](StreamHandle stream) { one.run(stream); }, 20), "us", kMostMicroseconds,
         false);
}

// 1080p NV12, every sample hot: each byte is read and written.
void measure_blend(double bandwidth) {
  constexpr size_t kLuma = 1920 * 1080, kFrame = kLuma * 3 / 2;
  const int frames = int(kBeyondCache / (2 * kFrame));
  const DeviceBuffer memory(kFrame * size_t(frames));
  std::vector<float> cells(49, 1.0f);
  const DeviceBuffer values(49 * sizeof(float));
  Frame frame;
  frame.format = PixelFormat::kNV12;
  frame.width = 1920, frame.height = 1080;
  frame.plane = {memory.as<uint8_t>(), memory.as<uint8_t>() + kLuma, nullptr};
  frame.stride = {1920, 1920, 0};
  HeatPlane plane;
  plane.values = values.as<float>();
  plane.h = plane.w = 7;
  plane.stride = {16, 16}, plane.offset = {7.5, 7.5};
  plane.clip_height = plane.clip_width = 112;
  plane.source = {0, 0, 1920, 1080};
  CudaHeatBlender blender;
  HeatLaunch options;
  options.plane_step = {kFrame, kFrame, 0};
  const CudaStream stream;
  copy_async(values.data(), cells.data(), values.bytes(), stream.get());
  stream.synchronize();
  const auto time = [&](int count, int per_graph) {
    options.frames = count;
    return microseconds([&](StreamHandle on) { blender.blend(frame, plane, {}, on, options); },
                        per_graph);
  };
  report("blend 1080p NV12, of copy", 2.0 * double(kFrame) * frames / time(frames, 1) / bandwidth,
         "", kLeastShare, true);
  report("blend 1080p NV12, one", time(1, 20), "us", kMostMicroseconds, false);
}

void measure_preprocess() {
  const DeviceBuffer memory(1920 * 1080 * 3 / 2), slice(3 * 112 * 112 * 2);
  Frame frame;
  frame.format = PixelFormat::kNV12;
  frame.width = 1920, frame.height = 1080;
  frame.plane = {memory.as<uint8_t>(), memory.as<uint8_t>() + 1920 * 1080, nullptr};
  frame.stride = {1920, 1920, 0};
  CudaPreprocessor preprocessor{ClipSpec{}};
  const Rect source = ClipSpec{}.source_rect(1920, 1080);
  const double time = microseconds(
      [&](StreamHandle stream) {
        preprocessor.run(frame, source, slice.data(), DType::kFloat16, stream);
      },
      20);
  std::printf("%-44s %9.2f us\n", "preprocess 1080p NV12 to 112x112 float16", time);
}

// A frame in system memory into the ring, and a window's clip out of it: what the streaming thread
// is kept from, and until the clip is there.
void measure_ring() {
  std::vector<uint8_t> pixels(1920 * 1080 * 3 / 2);
  Frame frame;
  frame.format = PixelFormat::kNV12;
  frame.width = 1920, frame.height = 1080;
  frame.plane = {pixels.data(), pixels.data() + 1920 * 1080, nullptr};
  frame.stride = {1920, 1920, 0};
  const ClipSpec spec;
  const auto ring = make_frame_ring(spec, {DeviceType::kCuda, 0});
  const ClipBuffer clip = ring->make_clip();
  const CudaStream reader;
  std::vector<double> pushes, windows;
  for (int64_t i = 0; i < kRepeats; ++i) {
    const Stopwatch push;
    ring->fill(frame, spec.source_rect(1920, 1080), i, i + 1);
    pushes.push_back(1000 * push.milliseconds());
    ring->copy_to(i + 1, clip.view);
    wait_for_event(clip.view.ready, reader.get());
    reader.synchronize();
    windows.push_back(1000 * push.milliseconds());
  }
  for (auto* times : {&pushes, &windows})
    std::nth_element(times->begin(), times->begin() + kRepeats / 2, times->end());
  std::printf("%-44s %9.2f us\n", "1080p NV12 into the ring, host's share", pushes[kRepeats / 2]);
  std::printf("%-44s %9.2f us\n", "the same until its clip is there", windows[kRepeats / 2]);
}

int run() {
  require_cuda(0);
  use_cuda({DeviceType::kCuda, 0});
  const CudaDeviceInfo info = cuda_device_info(0);
  const double bandwidth = copy_bandwidth();
  std::printf("%s, compute capability %d.%d, copy %.0f GB/s\n", info.name, info.major, info.minor,
              bandwidth / 1000);
  measure_cam(1024, 8, bandwidth);
  measure_cam(432, 16, bandwidth);
  measure_blend(bandwidth);
  measure_preprocess();
  measure_ring();
  return all_reached ? 0 : 1;
}

}  // namespace
}  // namespace tubecam

int main() {
  try {
    return tubecam::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tubecam_cuda_bench: %s\n", error.what());
    return 2;
  }
}
