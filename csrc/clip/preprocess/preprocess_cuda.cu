#include <vector>

#include "base/cuda/kernel.cuh"
#include "clip/frame/frame_cuda.h"
#include "clip/preprocess/preprocess_cuda.h"
#include "clip/preprocess/preprocess_math.h"
#include "clip/preprocess/preprocess_plan.h"

// Note [Resampling on a GPU]
// A block makes 32 neighbouring pixels of the sampled frame. Eight threads share a pixel: each adds
// up every eighth row of the area that the pixel covers, so neighbours read neighbouring bytes, and
// a picture of 112×112 still fills a GPU.

namespace tubecam {
namespace {

constexpr int kColumns = 32, kRowGroups = 8, kMaxChannels = 4;

struct PlaneSource {
  const uint8_t* data;
  int stride, channels;
  const Span *rows, *columns;
};

struct PreprocessLaunch {
  PlaneSource plane[3];
  int planes;
  bool yuv;
  YuvToRgb conversion;
  int channel[3];
  Normalisation normal[3];
  int height, width;
  void* sampled;
};

// Σ over the rows row_group, row_group + kRowGroups, … of the area of one pixel.
template <int kChannels>
__device__ __forceinline__ void add_area(const PlaneSource& plane, int x, int y, int row_group,
                                         float* sum) {
  const Span rows = plane.rows[y], columns = plane.columns[x];
  if (columns.count == 0) return;
  const uint8_t* corner =
      plane.data + size_t(rows.begin) * plane.stride + size_t(columns.begin) * kChannels;
  for (int row = row_group; row < rows.count; row += kRowGroups) {
    const uint8_t* first = corner + size_t(row) * plane.stride;
    const uint8_t* last = first + size_t(columns.count - 1) * kChannels;
    int inner[kChannels] = {};
    for (const uint8_t* byte = first + kChannels; byte < last; byte += kChannels)
      for (int c = 0; c < kChannels; ++c) inner[c] += byte[c];
    const float weight = span_weight(rows, row);
    const float last_weight = columns.count > 1 ? columns.last : 0;
    for (int c = 0; c < kChannels; ++c) {
      sum[c] += weight * (columns.first * first[c] + columns.inner * float(inner[c]) +
                          last_weight * last[c]);
    }
  }
}

// The pixel's part in all planes, one after the other.
__device__ __forceinline__ void add_planes(const PreprocessLaunch& p, int x, int y, int row_group,
                                           float* sum) {
  if (p.planes == 1) {
    if (p.plane[0].channels == 3)
      add_area<3>(p.plane[0], x, y, row_group, sum);
    else
      add_area<4>(p.plane[0], x, y, row_group, sum);
    return;
  }
  add_area<1>(p.plane[0], x, y, row_group, sum);
  if (p.planes == 2) {
    add_area<2>(p.plane[1], x, y, row_group, sum + 1);
  } else {
    add_area<1>(p.plane[1], x, y, row_group, sum + 1);
    add_area<1>(p.plane[2], x, y, row_group, sum + 2);
  }
}

template <typename T>
__global__ void __launch_bounds__(kColumns* kRowGroups) preprocess_kernel(PreprocessLaunch p) {
  float* parts = reinterpret_cast<float*>(shared_memory());  // [channel, row group, column]
  const int lane = int(threadIdx.x), row_group = int(threadIdx.y);
  const int x = int(blockIdx.x) * kColumns + lane, y = int(blockIdx.y);
  float sum[kMaxChannels] = {};
  if (x < p.width) add_planes(p, x, y, row_group, sum);
  for (int c = 0; c < 3; ++c) parts[(c * kRowGroups + row_group) * kColumns + lane] = sum[c];
  __syncthreads();
  if (row_group != 0 || x >= p.width) return;
  float color[3];
  for (int c = 0; c < 3; ++c) {
    color[c] = 0;
    for (int i = 0; i < kRowGroups; ++i) color[c] += parts[(c * kRowGroups + i) * kColumns + lane];
  }
  if (p.yuv) convert_yuv(p.conversion, color[0], color[1], color[2]);
  const float coverage = p.plane[0].columns[x].coverage * p.plane[0].rows[y].coverage;
  T* out = static_cast<T*>(p.sampled) + size_t(y) * p.width + x;
  for (int c = 0; c < 3; ++c) {
    const float value = p.channel[c] == 0 ? color[0] : p.channel[c] == 1 ? color[1] : color[2];
    from_float((p.normal[c].scale * value + p.normal[c].bias) * coverage,
               out[size_t(c) * p.height * p.width]);
  }
}

struct RingLaunch {
  const char* ring;
  char* clip;
  const int32_t* oldest;
  size_t frame_bytes;
  int length;
};

template <typename Word>
__global__ void ring_kernel(RingLaunch p) {
  const int slot = (*p.oldest + int(blockIdx.y)) % p.length;
  const Word* from = reinterpret_cast<const Word*>(p.ring + size_t(slot) * p.frame_bytes);
  Word* to = reinterpret_cast<Word*>(p.clip + size_t(blockIdx.y) * p.frame_bytes);
  const size_t count = p.frame_bytes / sizeof(Word);
  for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    to[i] = from[i];
}

template <typename Word>
void launch_ring(const RingLaunch& p, StreamHandle stream) {
  constexpr unsigned kThreads = 256, kMostBlocks = 64;
  const size_t blocks = (p.frame_bytes / sizeof(Word) + kThreads - 1) / kThreads;
  launch("in unroll_ring", ring_kernel<Word>,
         dim3(unsigned(blocks < kMostBlocks ? blocks : kMostBlocks), unsigned(p.length)), kThreads,
         0, stream, p);
}

}  // namespace

CudaPreprocessor::CudaPreprocessor(const ClipSpec& spec) : spec_(spec) { check_clip_spec(spec); }

void CudaPreprocessor::prepare(const Frame& frame, const Rect& source, StreamHandle stream) {
  if (same_size(frame, made_for_) && source == source_ && spans_.data()) return;
  check_source(source);
  std::vector<Span> all;
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneSpans spans = plane_spans(frame, i, source, spec_);
    all.insert(all.end(), spans.rows.begin(), spans.rows.end());
    all.insert(all.end(), spans.columns.begin(), spans.columns.end());
  }
  // Launches that still read the old ones come first in the stream.
  spans_.reserve(all.size() * sizeof(Span));
  copy_async(spans_.data(), all.data(), all.size() * sizeof(Span), stream);
  check_cuda(cudaStreamSynchronize(stream), "to prepare preprocess");
  made_for_ = frame;
  source_ = source;
}

void CudaPreprocessor::run(const Frame& frame, const Rect& source, void* sampled, DType dtype,
                           StreamHandle stream) {
  check_frame(frame);
  check(sampled != nullptr, ErrorCode::kUsage, "preprocess needs memory for a slice");
  prepare(frame, source, stream);
  PreprocessLaunch p{};
  p.planes = num_planes(frame.format);
  for (int i = 0; i < p.planes; ++i) {
    const int channels = plane_layout(frame.format, frame.width, frame.height, i).channels;
    const Span* rows = spans_.as<Span>() + size_t(i) * size_t(spec_.height + spec_.width);
    p.plane[i] = {frame.plane[i], frame.stride[i], channels, rows, rows + spec_.height};
  }
  p.yuv = is_yuv(frame.format);
  p.conversion = frame_conversion(frame);
  const ChannelMap map = channel_map(frame.format, spec_);
  for (int c = 0; c < 3; ++c) {
    p.channel[c] = map.channel[size_t(c)];
    p.normal[c] = map.normal[size_t(c)];
  }
  p.height = spec_.height;
  p.width = spec_.width;
  p.sampled = sampled;
  const dim3 grid(unsigned(spec_.width + kColumns - 1) / kColumns, unsigned(spec_.height));
  with_float_type(dtype, "preprocess", [&](auto element) {
    launch("in preprocess", preprocess_kernel<decltype(element)>, grid, dim3(kColumns, kRowGroups),
           3 * kRowGroups * kColumns * sizeof(float), stream, p);
  });
}

void unroll_ring(const void* ring, size_t frame_bytes, int length, const int32_t* oldest,
                 void* clip, StreamHandle stream) {
  check(ring && oldest && clip && length > 0 && frame_bytes > 0 && frame_bytes % 2 == 0,
        ErrorCode::kUsage, "unroll_ring: ", length, " slices of ", frame_bytes, " bytes");
  const RingLaunch p{static_cast<const char*>(ring), static_cast<char*>(clip), oldest, frame_bytes,
                     length};
  if (frame_bytes % sizeof(uint4) == 0) return launch_ring<uint4>(p, stream);
  launch_ring<uint16_t>(p, stream);
}

}  // namespace tubecam

// preprocess() for a frame in system memory or on `device`.
extern "C" TUBECAM_API void tubecam_preprocess(const tubecam::ClipSpec& spec,
                                               const tubecam::Frame& frame,
                                               const tubecam::Rect& source, float* sampled,
                                               tubecam::Device device) {
  using namespace tubecam;
  use_cuda(device);
  const CudaStream stream;
  DeviceFrame there;
  const DeviceBuffer result(size_t(3) * spec.height * spec.width * sizeof(float));
  CudaPreprocessor preprocessor(spec);
  preprocessor.run(there.bring(frame, stream.get()), source, result.data(), DType::kFloat32,
                   stream.get());
  there.release(frame, stream.get());
  copy_async(sampled, result.data(), result.bytes(), stream.get());
  stream.synchronize();
}
