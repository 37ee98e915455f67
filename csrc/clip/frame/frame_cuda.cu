#include <cstring>
#include <utility>

#include "clip/frame/frame_cuda.h"

namespace tubecam {
namespace {

constexpr size_t kAlignment = 256;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

PlaneLayout layout_of(const Frame& frame, int plane) {
  return plane_layout(frame.format, frame.width, frame.height, plane);
}
size_t row_bytes(const PlaneLayout& layout) { return size_t(layout.width) * layout.channels; }

size_t packed_bytes(const Frame& frame) {
  size_t bytes = 0;
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneLayout layout = layout_of(frame, i);
    bytes += aligned(row_bytes(layout)) * size_t(layout.height);
  }
  return bytes;
}

// A frame like `frame` in `memory` of packed_bytes(): one plane after the other, aligned rows.
Frame packed_like(const Frame& frame, void* memory) {
  Frame packed = frame;
  auto* place = static_cast<uint8_t*>(memory);
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneLayout layout = layout_of(frame, i);
    const size_t pitch = aligned(row_bytes(layout));
    packed.plane[size_t(i)] = place;
    packed.stride[size_t(i)] = int(pitch);
    place += pitch * size_t(layout.height);
  }
  return packed;
}

// On the host, without the rows' padding.
void copy_rows(const Frame& from, const Frame& to) {
  for (int i = 0; i < num_planes(from.format); ++i) {
    const PlaneLayout layout = layout_of(from, i);
    const size_t row = row_bytes(layout), plane = size_t(i);
    for (size_t y = 0; y < size_t(layout.height); ++y) {
      std::memcpy(to.plane[plane] + y * size_t(to.stride[plane]),
                  from.plane[plane] + y * size_t(from.stride[plane]), row);
    }
  }
}

}  // namespace

const Frame& DeviceFrame::make_room(const Frame& like) {
  memory_.reserve(packed_bytes(like));
  frame_ = packed_like(like, memory_.data());
  frame_.device = current_cuda_device();
  return frame_;
}

const Frame& DeviceFrame::upload(const Frame& host, StreamHandle stream) {
  check_frame(host);
  make_room(host);
  for (int i = 0; i < num_planes(host.format); ++i) {
    const PlaneLayout layout = layout_of(host, i);
    copy_rows_async(frame_.plane[size_t(i)], size_t(frame_.stride[size_t(i)]),
                    host.plane[size_t(i)], size_t(host.stride[size_t(i)]), row_bytes(layout),
                    size_t(layout.height), stream);
  }
  return frame_;
}

const Frame& DeviceFrame::bring(const Frame& frame, StreamHandle stream) {
  if (frame.device.type == DeviceType::kCpu) return upload(frame, stream);
  if (frame.stream) {
    written_.record(frame.stream);
    written_.block(stream);
  }
  return frame_ = frame;
}

void DeviceFrame::release(const Frame& frame, StreamHandle stream) {
  if (frame.device.type == DeviceType::kCpu) return;
  used_.record(stream);
  if (frame.stream)
    used_.block(frame.stream);
  else
    used_.synchronize();
}

void DeviceFrame::download(const Frame& host, StreamHandle stream) const {
  for (int i = 0; i < num_planes(host.format); ++i) {
    const PlaneLayout layout = layout_of(host, i);
    copy_rows_async(host.plane[size_t(i)], size_t(host.stride[size_t(i)]), frame_.plane[size_t(i)],
                    size_t(frame_.stride[size_t(i)]), row_bytes(layout), size_t(layout.height),
                    stream);
  }
}

const Frame& StagedFrame::bring(const Frame& frame, StreamHandle stream) {
  check_frame(frame);
  if (frame.device.type == DeviceType::kCuda) return there_.bring(frame, stream);
  Stage& stage = stages_[next_];
  next_ = 1 - next_;
  if (!stage.uploaded.reached()) stage.uploaded.synchronize();
  const size_t bytes = packed_bytes(frame);
  stage.memory.reserve(bytes);
  copy_rows(frame, packed_like(frame, stage.memory.data()));
  const Frame& there = there_.make_room(frame);
  copy_async(there.plane[0], stage.memory.data(), bytes, stream);  // laid out alike
  stage.uploaded.record(stream);
  return there;
}

}  // namespace tubecam
