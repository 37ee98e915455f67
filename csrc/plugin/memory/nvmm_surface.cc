#include "plugin/memory/nvmm_surface.h"

#include <algorithm>

#include "base/error.h"
#include "plugin/memory/video_frame.h"

namespace tubecam {
namespace {

// Plain NV12 says nothing of its colour, whatever the header's words: the caps decide then.
struct SurfaceFormat {
  NvBufSurfaceColorFormat color;
  PixelFormat format;
  bool hd = false;          // the matrix of BT.709 or BT.2020
  bool full_range = false;  // "ER", extended range
};

constexpr SurfaceFormat kFormats[] = {
    {NVBUF_COLOR_FORMAT_NV12, PixelFormat::kNV12},
    {NVBUF_COLOR_FORMAT_NV12_ER, PixelFormat::kNV12, false, true},
    {NVBUF_COLOR_FORMAT_NV12_709, PixelFormat::kNV12, true},
    {NVBUF_COLOR_FORMAT_NV12_709_ER, PixelFormat::kNV12, true, true},
    {NVBUF_COLOR_FORMAT_NV12_2020, PixelFormat::kNV12, true},
    {NVBUF_COLOR_FORMAT_YUV420, PixelFormat::kI420},
    {NVBUF_COLOR_FORMAT_YUV420_ER, PixelFormat::kI420, false, true},
    {NVBUF_COLOR_FORMAT_YUV420_709, PixelFormat::kI420, true},
    {NVBUF_COLOR_FORMAT_YUV420_709_ER, PixelFormat::kI420, true, true},
    {NVBUF_COLOR_FORMAT_YUV420_2020, PixelFormat::kI420, true},
    {NVBUF_COLOR_FORMAT_RGBA, PixelFormat::kRGBA},
    {NVBUF_COLOR_FORMAT_BGRA, PixelFormat::kBGRA},
    {NVBUF_COLOR_FORMAT_RGBx, PixelFormat::kRGBx},
    {NVBUF_COLOR_FORMAT_BGRx, PixelFormat::kBGRx},
    {NVBUF_COLOR_FORMAT_RGB, PixelFormat::kRGB},
    {NVBUF_COLOR_FORMAT_BGR, PixelFormat::kBGR},
};

constexpr char kConvert[] =
    ": put nvvideoconvert (on Jetson nvvidconv) and video/x-raw(memory:NVMM),format=RGBA before "
    "this "
    "element; for NV12 with bl-output=false";

void check_batch(const NvBufSurface& surface) {
  const uint32_t most = std::max(surface.batchSize, surface.numFilled);
  check(
      most <= 1, ErrorCode::kUsage, "the buffer holds a batch of up to ", most,
      " surfaces, as nvstreammux makes them, and this element takes the frames of one stream: put "
      "nvstreamdemux before it, and one such element on each of its outputs");
  check(surface.surfaceList != nullptr, ErrorCode::kUsage, "the buffer holds no surface");
}

const SurfaceFormat& format_of(const NvBufSurfaceParams& params, const GstVideoInfo& info) {
  const PixelFormat wanted = pixel_format(GST_VIDEO_INFO_FORMAT(&info));
  for (const SurfaceFormat& known : kFormats)
    if (known.color == params.colorFormat && known.format == wanted) return known;
  fail(ErrorCode::kUsage, "the surface's colour format ", static_cast<int>(params.colorFormat),
       " (NvBufSurfaceColorFormat) is not the ", to_string(wanted), " of the caps", kConvert);
}

void check_size(const NvBufSurfaceParams& params, const GstVideoInfo& info) {
  const auto width = uint32_t(GST_VIDEO_INFO_WIDTH(&info));
  const auto height = uint32_t(GST_VIDEO_INFO_HEIGHT(&info));
  check(params.width >= width && params.height >= height, ErrorCode::kUsage, "the surface is ",
        params.width, "x", params.height, ", but the caps say ", width, "x", height);
}

SurfaceAccess access_of(const NvBufSurface& surface) {
  const bool has_pointer = surface.surfaceList[0].dataPtr != nullptr;
  switch (surface.memType) {
    case NVBUF_MEM_DEFAULT:
      return has_pointer ? SurfaceAccess::kPointer : SurfaceAccess::kSurfaceArray;
    case NVBUF_MEM_CUDA_PINNED:
    case NVBUF_MEM_CUDA_DEVICE:
    case NVBUF_MEM_CUDA_UNIFIED:
    case NVBUF_MEM_SYSTEM:
      check(has_pointer, ErrorCode::kUsage, "the surface states no address of its pixels");
      return SurfaceAccess::kPointer;
    case NVBUF_MEM_SURFACE_ARRAY:
      return SurfaceAccess::kSurfaceArray;
    default:
      fail(ErrorCode::kUsage, "surfaces of memory type ", static_cast<int>(surface.memType),
           " (NvBufSurfaceMemType: handles and CUDA arrays) cannot be read in place", kConvert);
  }
}

void check_inside(const NvBufSurfaceParams& params, const Frame& frame, int i) {
  const NvBufSurfacePlaneParams& planes = params.planeParams;
  const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, i);
  const uint64_t row = uint64_t(layout.width) * uint64_t(layout.channels);
  const uint64_t end = planes.offset[i] + uint64_t(planes.pitch[i]) * (layout.height - 1u) + row;
  check(params.dataSize == 0 || end <= params.dataSize, ErrorCode::kUsage, "plane ", i, " of the ",
        to_string(frame.format), " surface ends at byte ", end, ", but its memory has ",
        params.dataSize, " bytes");
}

}  // namespace

void set_planes(const NvBufSurfaceParams& params, void* base, Frame* frame) {
  const auto count = uint32_t(num_planes(frame->format));
  check(params.planeParams.num_planes >= count, ErrorCode::kUsage, "the surface has ",
        params.planeParams.num_planes, " planes, but ", to_string(frame->format), " has ", count);
  for (uint32_t i = 0; i < count; ++i) {
    check_inside(params, *frame, int(i));
    frame->plane[i] = static_cast<uint8_t*>(base) + params.planeParams.offset[i];
    frame->stride[i] = int(params.planeParams.pitch[i]);
  }
}

SurfaceFrame read_surface(const NvBufSurface& surface, const GstVideoInfo& info) {
  check_batch(surface);
  const NvBufSurfaceParams& params = surface.surfaceList[0];
  SurfaceFrame result;
  result.access = access_of(surface);
  check(params.layout == NVBUF_LAYOUT_PITCH, ErrorCode::kUsage,
        "the frame's surface is block-linear, which kernels cannot read", kConvert);
  check_size(params, info);
  const SurfaceFormat& known = format_of(params, info);
  Frame& frame = result.frame;
  frame.format = known.format;
  frame.width = GST_VIDEO_INFO_WIDTH(&info);
  frame.height = GST_VIDEO_INFO_HEIGHT(&info);
  set_colorimetry(info, &frame);
  if (known.hd) frame.matrix = YuvMatrix::kBt709;
  frame.full_range |= known.full_range;
  if (surface.memType != NVBUF_MEM_SYSTEM) frame.device = {DeviceType::kCuda, int(surface.gpuId)};
  if (result.access == SurfaceAccess::kPointer) set_planes(params, params.dataPtr, &frame);
  return result;
}

}  // namespace tubecam
