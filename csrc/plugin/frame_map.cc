#include "plugin/frame_map.h"

namespace tubecam {
namespace {

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

}  // namespace

FrameMap::FrameMap(const GstVideoInfo& info, GstBuffer* buffer, GstMapFlags flags)
    : mapped_(gst_video_frame_map(&map_, &info, buffer, flags)) {
  if (!mapped_) return;
  const GstVideoInfo& mapped = map_.info;
  frame_.format = pixel_format(GST_VIDEO_INFO_FORMAT(&mapped));
  frame_.width = GST_VIDEO_INFO_WIDTH(&mapped);
  frame_.height = GST_VIDEO_INFO_HEIGHT(&mapped);
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&mapped); ++plane) {
    frame_.plane[plane] = static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&map_, plane));
    frame_.stride[plane] = GST_VIDEO_FRAME_PLANE_STRIDE(&map_, plane);
  }
  frame_.matrix = yuv_matrix(info.colorimetry.matrix);
  frame_.full_range = info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
}

FrameMap::~FrameMap() {
  if (mapped_) gst_video_frame_unmap(&map_);
}

}  // namespace tubecam
