#include "clip/frame_cuda.h"

namespace tubecam {
namespace {

constexpr size_t kAlignment = 256;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

size_t row_bytes(const PlaneLayout& layout) { return size_t(layout.width) * layout.channels; }

}  // namespace

const Frame& DeviceFrame::upload(const Frame& host, StreamHandle stream) {
  check_frame(host);
  frame_ = host;
  frame_.device = current_cuda_device();
  size_t bytes = 0;
  for (int i = 0; i < num_planes(host.format); ++i) {
    const PlaneLayout layout = plane_layout(host.format, host.width, host.height, i);
    bytes += aligned(row_bytes(layout)) * size_t(layout.height);
  }
  memory_.reserve(bytes);
  uint8_t* place = memory_.as<uint8_t>();
  for (int i = 0; i < num_planes(host.format); ++i) {
    const PlaneLayout layout = plane_layout(host.format, host.width, host.height, i);
    const size_t row = row_bytes(layout), pitch = aligned(row), rows = size_t(layout.height);
    frame_.plane[i] = place;
    frame_.stride[i] = int(pitch);
    copy_rows_async(place, pitch, host.plane[i], size_t(host.stride[i]), row, rows, stream);
    place += pitch * rows;
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
    const PlaneLayout layout = plane_layout(host.format, host.width, host.height, i);
    copy_rows_async(host.plane[i], size_t(host.stride[i]), frame_.plane[i],
                    size_t(frame_.stride[i]), row_bytes(layout), size_t(layout.height), stream);
  }
}

}  // namespace tubecam
