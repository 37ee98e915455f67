#include "plugin/memory/video_frame.h"

#include "base/error.h"

namespace tubecam {
namespace {

YuvMatrix yuv_matrix(GstVideoColorMatrix matrix) {
  switch (matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
    case GST_VIDEO_COLOR_MATRIX_BT2020:
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
      return YuvMatrix::kBt709;
    default:
      return YuvMatrix::kBt601;
  }
}

// The part that a videocrop before has left, which did not copy it.
void crop_to(const GstVideoCropMeta& crop, const GstVideoFrame& map, Frame* frame) {
  const GstVideoFormatInfo* format = map.info.finfo;
  check(uint64_t{crop.x} + crop.width <= uint64_t(frame->width) &&
            uint64_t{crop.y} + crop.height <= uint64_t(frame->height) && crop.width && crop.height,
        ErrorCode::kUsage, "a frame's GstVideoCropMeta reaches beyond its picture");
  for (guint i = 0; i < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); ++i) {
    const guint plane = GST_VIDEO_FORMAT_INFO_PLANE(format, i);
    if (GST_VIDEO_FORMAT_INFO_POFFSET(format, i) != 0) continue;  // once a plane
    frame->plane[plane] +=
        size_t{crop.y >> GST_VIDEO_FORMAT_INFO_H_SUB(format, i)} * frame->stride[plane] +
        size_t{crop.x >> GST_VIDEO_FORMAT_INFO_W_SUB(format, i)} *
            GST_VIDEO_FORMAT_INFO_PSTRIDE(format, i);
  }
  frame->width = int(crop.width);
  frame->height = int(crop.height);
}

}  // namespace

PixelFormat pixel_format(GstVideoFormat format) {
  switch (format) {
    case GST_VIDEO_FORMAT_NV12:
      return PixelFormat::kNV12;
    case GST_VIDEO_FORMAT_I420:
      return PixelFormat::kI420;
    case GST_VIDEO_FORMAT_BGR:
      return PixelFormat::kBGR;
    case GST_VIDEO_FORMAT_RGBx:
      return PixelFormat::kRGBx;
    case GST_VIDEO_FORMAT_BGRx:
      return PixelFormat::kBGRx;
    case GST_VIDEO_FORMAT_RGBA:
      return PixelFormat::kRGBA;
    case GST_VIDEO_FORMAT_BGRA:
      return PixelFormat::kBGRA;
    default:
      return PixelFormat::kRGB;  // the caps allow no other
  }
}

void set_colorimetry(const GstVideoInfo& info, Frame* frame) {
  frame->matrix = yuv_matrix(info.colorimetry.matrix);
  frame->full_range = info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
}

Frame frame_of(GstVideoFrame& map, const GstVideoInfo& info) {
  Frame frame;
  const GstVideoInfo& mapped = map.info;
  frame.format = pixel_format(GST_VIDEO_INFO_FORMAT(&mapped));
  frame.width = GST_VIDEO_INFO_WIDTH(&mapped);
  frame.height = GST_VIDEO_INFO_HEIGHT(&mapped);
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&mapped); ++plane) {
    frame.plane[plane] = static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&map, plane));
    frame.stride[plane] = GST_VIDEO_FRAME_PLANE_STRIDE(&map, plane);
  }
  if (const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(map.buffer))
    crop_to(*crop, map, &frame);
  set_colorimetry(info, &frame);
  return frame;
}

}  // namespace tubecam
