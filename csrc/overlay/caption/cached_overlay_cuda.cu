#include <algorithm>

#include "base/cuda/kernel.cuh"
#include "overlay/blend/blend_math.h"
#include "overlay/caption/device_cached_overlay.h"

namespace tubecam {
namespace {

constexpr int kThreads = 256;
constexpr int kMostBlocks = 256;

// The bytes of one plane under the overlay.
struct CachedPlaneTarget {
  uint8_t* data;
  const uint32_t* table;  // [rows of the overlay, table_width] of keep | add << 16
  int stride, table_width;
  int row_bytes;
  int first;  // number of its first byte in the launch
};

struct CachedPlaneLaunch {
  CachedPlaneTarget target[3];
  int targets, bytes;
};

__global__ void cached_plane_kernel(CachedPlaneLaunch p) {
  const int threads = int(gridDim.x * blockDim.x);
  for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < p.bytes; i += threads) {
    const int plane = p.targets > 2 && i >= p.target[2].first   ? 2
                      : p.targets > 1 && i >= p.target[1].first ? 1
                                                                : 0;
    const CachedPlaneTarget& target = p.target[plane];
    const int row = (i - target.first) / target.row_bytes;
    const int column = (i - target.first) % target.row_bytes;
    uint8_t* byte = target.data + size_t(row) * target.stride + column;
    const uint32_t what = __ldg(target.table + size_t(row) * target.table_width + column);
    *byte = uint8_t(blend_byte(*byte, what & 0xffff, what >> 16));
  }
}

class CudaCachedOverlay final : public DeviceCachedOverlay {
 public:
  explicit CudaCachedOverlay(Device device) : device_(device) { use_cuda(device); }

  void load(const std::vector<CachedPlane>& planes) override {
    entries_.clear();
    layouts_.clear();
    for (const CachedPlane& plane : planes) {
      layouts_.push_back(plane.layout);
      for (const BlendRow& row : plane.rows)
        for (int i = 0; i < plane.layout.width * plane.layout.channels; ++i)
          entries_.push_back(row.keep(i & 1)[i >> 1] | uint32_t(row.add(i & 1)[i >> 1]) << 16);
    }
    use_cuda(device_);
    table_.reserve(entries_.size() * sizeof(uint32_t));
    stale_ = true;
  }

  void draw(const Frame& frame, int x, int y) override {
    use_cuda(device_);
    const StreamHandle stream = frame.stream ? frame.stream : stream_.get();
    if (stale_)
      copy_async(table_.data(), entries_.data(), entries_.size() * sizeof(uint32_t), stream);
    stale_ = false;
    const CachedPlaneLaunch p = launch_on(frame, x, y);
    const int blocks = std::min((p.bytes + kThreads - 1) / kThreads, kMostBlocks);
    if (blocks > 0)
      launch("in a caption", cached_plane_kernel, unsigned(blocks), kThreads, 0, stream, p);
    if (!frame.stream) stream_.synchronize();
  }

 private:
  CachedPlaneLaunch launch_on(const Frame& frame, int x, int y) const {
    CachedPlaneLaunch p{};
    const auto* table = table_.as<const uint32_t>();
    for (size_t i = 0; i < layouts_.size(); ++i) {
      const PlaneLayout& layout = layouts_[i];
      const CachedPart part = part_under(frame, int(i), layout, x, y);
      CachedPlaneTarget& target = p.target[p.targets];
      target.table = table;
      target.table_width = layout.width * layout.channels;
      table += size_t(target.table_width) * size_t(layout.height);
      if (part.width <= 0 || part.height <= 0) continue;
      target.stride = frame.stride[i];
      target.data = frame.plane[i] + ptrdiff_t(part.top) * target.stride +
                    ptrdiff_t(part.left) * layout.channels;
      target.row_bytes = part.width * layout.channels;
      target.first = p.bytes;
      p.bytes += target.row_bytes * part.height;
      ++p.targets;
    }
    return p;
  }

  Device device_;
  CudaStream stream_;  // for frames without one
  std::vector<PlaneLayout> layouts_;
  std::vector<uint32_t> entries_;
  DeviceBuffer table_;
  bool stale_ = false;  // entries_ are newer
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::DeviceCachedOverlay* tubecam_make_device_cached_overlay(
    tubecam::Device device) {
  return new tubecam::CudaCachedOverlay(device);
}
