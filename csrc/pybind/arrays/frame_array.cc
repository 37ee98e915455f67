#include "pybind/arrays/frame_array.h"

#include <climits>
#include <utility>
#include <vector>

#include "base/cuda/external_array_sync.h"
#include "base/error.h"
#include "pybind/arrays/foreign_array.h"
#include "pybind/gil/released.h"

namespace py = pybind11;

namespace tubecam {

namespace {

constexpr PixelFormat kFormats[] = {PixelFormat::kNV12, PixelFormat::kI420, PixelFormat::kRGB,
                                    PixelFormat::kBGR,  PixelFormat::kRGBx, PixelFormat::kBGRx,
                                    PixelFormat::kRGBA, PixelFormat::kBGRA};

YuvMatrix parse_matrix(const std::string& name) {
  if (name == "bt601") return YuvMatrix::kBt601;
  if (name == "bt709") return YuvMatrix::kBt709;
  fail(ErrorCode::kUsage, "matrix '", name, "' is not known; use bt601 or bt709");
}

// Bytes are shared, never written here; only FrameArray::writable() hands them out for writing.
uint8_t* bytes_of(const py::array& array) {
  return const_cast<uint8_t*>(static_cast<const uint8_t*>(array.data()));
}

void check_uint8(const py::array& array, const char* what) {
  check(array.dtype().equal(py::dtype::of<uint8_t>()), ErrorCode::kUsage, what, " has dtype ",
        std::string(py::str(array.dtype())), "; it must be uint8");
}

void check_dense(bool dense, const char* what) {
  check(dense, ErrorCode::kUsage, what,
        " must have its bytes side by side in each row; use numpy.ascontiguousarray");
}

// The stride of an axis of one row is anybody's guess: it is never used.
int row_stride(int64_t rows, int64_t given, int64_t row_bytes) {
  const int64_t stride = rows > 1 ? given : row_bytes;
  check(stride >= row_bytes && stride <= INT_MAX, ErrorCode::kUsage, "rows lie ", stride,
        " bytes apart, but each has ", row_bytes,
        "; flipped or broadcast arrays need numpy.ascontiguousarray");
  return int(stride);
}

}  // namespace

PixelFormat parse_pixel_format(const std::string& name) {
  std::string names;
  for (const PixelFormat format : kFormats) {
    if (name == to_string(format)) return format;
    names += std::string(names.empty() ? "" : ", ") + to_string(format);
  }
  fail(ErrorCode::kUsage, "pixel format '", name, "' is not known; use one of ", names);
}

FrameArray::FrameArray(PixelFormat format, int width, int height,
                       const std::vector<py::array>& planes, const std::string& matrix,
                       bool full_range)
    : arrays_(planes) {
  frame_.format = format;
  frame_.width = width;
  frame_.height = height;
  frame_.matrix = parse_matrix(matrix);
  frame_.full_range = full_range;
  check(int(planes.size()) == num_planes(format), ErrorCode::kUsage, to_string(format), " has ",
        num_planes(format), " planes, but ", planes.size(), " arrays were given");
  for (size_t i = 0; i < planes.size(); ++i) {
    const py::array& array = planes[i];
    check_uint8(array, "plane");
    check(array.ndim() == 2, ErrorCode::kUsage, "plane ", i, " has ", array.ndim(),
          " dimensions; it must be [rows, bytes a row]");
    check_dense(array.shape(1) <= 1 || array.strides(1) == 1, "plane");
    frame_.plane[i] = bytes_of(array);
    frame_.stride[i] = row_stride(array.shape(0), array.strides(0), array.shape(1));
  }
  check_frame(frame_);
  check_planes();
}

void FrameArray::check_planes() const {
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const PlaneLayout layout = plane_layout(frame_.format, frame_.width, frame_.height, int(i));
    const py::ssize_t bytes = layout.width * layout.channels;
    check(arrays_[i].shape(0) >= layout.height && arrays_[i].shape(1) >= bytes, ErrorCode::kUsage,
          "plane ", i, " is [", arrays_[i].shape(0), ", ", arrays_[i].shape(1), "]; a ",
          frame_.width, "x", frame_.height, " ", to_string(frame_.format), " frame needs [",
          layout.height, ", ", bytes, "]");
  }
}

// A picture of one plane, in any owner's memory. Strides in bytes.
struct Pixels {
  std::string dtype;
  std::vector<int64_t> shape, strides;
  const void* data = nullptr;
  Device device;
};

namespace {

Pixels pixels_of(const py::array& array) {
  return {py::str(array.dtype()).cast<std::string>(),
          {array.shape(), array.shape() + array.ndim()},
          {array.strides(), array.strides() + array.ndim()},
          array.data(),
          {}};
}

// The reader of the frame waits for nothing (Note [Frames on a device]), so the host does here.
Pixels pixels_of(const ForeignArray& array) {
  if (array.device.type == DeviceType::kCuda) {
    ExternalArraySync& sync = external_array_sync(array.device);
    const Released released;
    sync.wait();
  }
  return {array.dtype, array.shape, array.strides, array.data, array.device};
}

}  // namespace

void FrameArray::place(const Pixels& pixels, const std::optional<std::string>& format) {
  const auto& shape = pixels.shape;
  const bool is_picture = shape.size() == 3 && (shape[2] == 3 || shape[2] == 4);
  check(is_picture && pixels.dtype == "uint8", ErrorCode::kUsage,
        "a frame is uint8 [H, W, 3] or [H, W, 4], not ", pixels.dtype, " ", to_string(shape));
  const int64_t height = shape[0], width = shape[1], channels = shape[2];
  check(height > 0 && width > 0 && height <= INT_MAX && width <= INT_MAX / channels,
        ErrorCode::kUsage, "a frame has no pixels or too many: ", width, "x", height);
  check_dense(pixels.strides[2] == 1 && (width == 1 || pixels.strides[1] == channels), "a frame");
  frame_.format = format ? parse_pixel_format(*format)
                         : (channels == 3 ? PixelFormat::kRGB : PixelFormat::kRGBA);
  frame_.width = int(width);
  frame_.height = int(height);
  check(!is_yuv(frame_.format) && plane_layout(frame_.format, 1, 1, 0).channels == channels,
        ErrorCode::kUsage, "a picture of ", channels, " channels is not ",
        to_string(frame_.format));
  frame_.plane[0] = const_cast<uint8_t*>(static_cast<const uint8_t*>(pixels.data));
  frame_.stride[0] = row_stride(height, pixels.strides[0], width * channels);
  frame_.device = pixels.device;
  check_frame(frame_);
}

FrameArray FrameArray::from_pixels(const py::object& pixels,
                                   const std::optional<std::string>& format) {
  FrameArray result;
  if (is_foreign_array(pixels)) {
    const ForeignArray array = import_array(pixels);
    result.owner_ = array.owner;
    result.place(pixels_of(array), format);
    return result;
  }
  const auto array = py::array::ensure(pixels);
  if (!array) throw py::error_already_set();
  result.place(pixels_of(array), format);
  result.arrays_.push_back(array);
  return result;
}

const Frame& FrameArray::writable() const {
  check(!owner_, ErrorCode::kUsage,
        "only frames of NumPy arrays can be drawn into; bring this one to system memory first");
  for (const py::array& array : arrays_) {
    check(array.writeable(), ErrorCode::kUsage,
          "the frame's array is read-only; pass a writable copy, array.copy()");
  }
  return frame_;
}

}  // namespace tubecam
