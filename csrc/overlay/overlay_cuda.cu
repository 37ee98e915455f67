#include <algorithm>
#include <cmath>
#include <vector>

#include "clip/frame/frame_cuda.h"
#include "overlay/blend/blend.h"
#include "overlay/cell_runs.h"
#include "overlay/overlay_cuda.h"
#include "overlay/overlay_kernel.cuh"

namespace tubecam {
namespace {

constexpr int kBlocksPerProcessor = 8;
constexpr size_t kMaxShared = 40 << 10;  // bytes a block

HeatTarget make_target(const Frame& frame, int i, const HeatPlane& plane) {
  const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, i);
  const int refine = is_in_blocks(plane) ? 1 : kRefine;
  const SampleAxis y = sample_axis(frame, plane, layout, 0, refine);
  const SampleAxis x = sample_axis(frame, plane, layout, 1, refine);
  HeatTarget target{};
  target.data = frame.plane[size_t(i)];
  target.stride = frame.stride[size_t(i)];
  target.width = layout.width;
  target.channels = layout.channels;
  target.x_begin = x.begin(), target.x_end = x.end();
  target.y_begin = y.begin(), target.y_end = y.end();
  target.x_start = x.place(0), target.x_step = x.step();
  target.y_start = y.place(0), target.y_step = y.step();
  target.x_gap = x.gap, target.y_gap = y.gap;
  const int samples = layout.channels == 3 ? 16 : 16 / layout.channels;
  if (target.x_begin < target.x_end && target.y_begin < target.y_end) {
    target.row_segments = (target.x_end + samples - 1) / samples - target.x_begin / samples;
    target.segments = target.row_segments * (target.y_end - target.y_begin);
  }
  return target;
}

bool is_aligned(const HeatTarget& target, size_t frame_step) {
  return (reinterpret_cast<uintptr_t>(target.data) | size_t(target.stride) | frame_step) % 16 == 0;
}

size_t refined_floats(const BlendLaunch& p) {
  const size_t grids = p.motion ? 2 : 1;
  return size_t(p.columns) * (size_t(p.h) + grids * size_t(p.rows));
}

void append_table(const HeatTable& table, std::vector<uint16_t>& all) {
  all.insert(all.end(), table.at(0), table.at(HeatTable::kEntries));
}

// The frame's planes, each with its tables of colours.
void add_targets(const Frame& frame, const HeatPlane& plane, const HeatLaunch& options,
                 const ushort4* table, BlendLaunch* p) {
  p->targets = num_planes(frame.format);
  for (int i = 0; i < p->targets; ++i) {
    HeatTarget& target = p->target[i] = make_target(frame, i, plane);
    target.frame_step = options.plane_step[size_t(i)];
    target.aligned = is_aligned(target, target.frame_step);
    target.first_segment = p->segments;
    p->segments += target.segments;
    target.still = table;
    if (plane.motion) table += HeatTable::kEntries;
    target.moving = table;
    table += HeatTable::kEntries;
  }
}

void add_heat(const HeatPlane& plane, const HeatLaunch& options, BlendLaunch* p) {
  p->values = plane.values;
  p->next = options.next;
  p->motion = plane.motion;
  p->values_step = options.values_step;
  p->part = options.part;
  p->scale = plane.scale;
  p->h = plane.h;
  p->w = plane.w;
  p->blocks = is_in_blocks(plane);
  const int refine = p->blocks ? 1 : kRefine;
  p->rows = (plane.h - 1) * refine + 1;
  p->columns = (plane.w - 1) * refine + 1;
}

}  // namespace

void CudaHeatBlender::prepare_tables(const Frame& frame, const HeatStyle& style, bool motion,
                                     StreamHandle stream) {
  const bool same = style.color_map == style_.color_map && style.alpha == style_.alpha &&
                    style.threshold == style_.threshold && same_colours(frame, canvas_) &&
                    motion == motion_;
  if (tables_.data() && same) return;
  std::vector<uint16_t> all;
  for (int i = 0; i < num_planes(frame.format); ++i) {
    if (motion) {
      const MotionTables tables = make_motion_tables(frame, i, style);
      append_table(tables.still, all);
      append_table(tables.moving, all);
    } else {
      append_table(make_heat_table(frame, i, style), all);
    }
  }
  tables_.reserve(all.size() * sizeof(uint16_t));
  copy_async(tables_.data(), all.data(), all.size() * sizeof(uint16_t), stream);
  check_cuda(cudaStreamSynchronize(stream), "to prepare the overlay");
  first_hot_ = 0;
  while (first_hot_ < HeatTable::kEntries &&
         all[size_t(first_hot_) * HeatTable::kWidth] == kKeepAll)
    ++first_hot_;
  style_ = style;
  canvas_ = frame;
  motion_ = motion;
}

void CudaHeatBlender::blend(const Frame& frame, const HeatPlane& plane, const HeatStyle& style,
                            StreamHandle stream, const HeatLaunch& options) {
  check(options.frames >= 1 && options.frames <= 65535, ErrorCode::kUsage, "a launch of ",
        options.frames, " frames is outside 1 to 65535");
  if (!check_heat(frame, plane, style)) return;
  prepare_tables(frame, style, plane.motion != nullptr, stream);
  BlendLaunch p{};
  add_targets(frame, plane, options, tables_.as<const ushort4>(), &p);
  if (p.segments == 0) return;
  add_heat(plane, options, &p);
  p.first_hot = first_hot_;
  p.refined_step = refined_floats(p);
  size_t shared = p.refined_step * sizeof(float);
  const unsigned frames = unsigned(options.frames);
  if (shared > kMaxShared) {
    refined_.reserve(shared * frames);
    p.refined = refined_.as<float>();
    shared = 0;
    launch("in the overlay", refine_kernel, dim3(1, frames), 1024, 0, stream, p);
  }
  const int needed = (p.segments + kThreads - 1) / kThreads;
  const unsigned blocks = unsigned(std::min(needed, multiprocessors() * kBlocksPerProcessor));
  launch("in the overlay", blend_kernel, dim3(blocks, frames), kThreads, shared, stream, p);
}

}  // namespace tubecam

// blend_heat() for a frame in system memory or on `device`.
extern "C" TUBECAM_API void tubecam_blend_heat(const tubecam::Frame& frame,
                                               const tubecam::HeatPlane& plane,
                                               const tubecam::HeatStyle& style,
                                               tubecam::Device device) {
  using namespace tubecam;
  use_cuda(device);
  const CudaStream stream;
  DeviceFrame there;
  HeatPlane heat = plane;
  const size_t bytes = size_t(plane.h) * plane.w * sizeof(float);
  const DeviceBuffer values(bytes), motion(plane.motion ? bytes : 0);
  copy_async(values.data(), plane.values, bytes, stream.get());
  if (plane.motion) copy_async(motion.data(), plane.motion, bytes, stream.get());
  heat.values = values.as<float>();
  heat.motion = motion.as<float>();
  CudaHeatBlender blender;
  blender.blend(there.bring(frame, stream.get()), heat, style, stream.get());
  if (frame.device.type == DeviceType::kCpu) there.download(frame, stream.get());
  there.release(frame, stream.get());
  stream.synchronize();
}
