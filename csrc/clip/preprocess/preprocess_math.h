// The arithmetic of one element of `preprocess`, shared by its CPU and CUDA files.
#pragma once

#include <cmath>

#include "base/macros.h"

namespace tubecam {

// The samples of one axis that make up one output pixel: weight `first`, then `inner` …, then
// `last`.
struct Span {
  int begin = 0;
  int count = 0;  // 0: the output pixel lies outside the frame
  float first = 0, inner = 0, last = 0;
  float coverage = 0;  // the part of the output pixel that lies inside the frame, 0…1
};

TUBECAM_HOST_DEVICE float span_weight(const Span& span, int tap) {
  return tap == 0 ? span.first : tap == span.count - 1 ? span.last : span.inner;
}

// Overlap of [low, high) with each sample, over the overlap's sum.
TUBECAM_HOST_DEVICE Span area_span(double low, double high, int size) {
  Span span;
  const int end = fmin(ceil(high), double(size));
  span.begin = int(floor(low));
  span.count = end - span.begin;
  const double total = high - low;
  span.first = span.count == 1 ? 1.0f : float((span.begin + 1 - low) / total);
  span.inner = float(1 / total);
  span.last = float((high - (end - 1)) / total);
  return span;
}

// The two samples whose centres lie around `centre`; beyond the outermost ones, the outermost.
TUBECAM_HOST_DEVICE Span linear_span(double centre, int size) {
  Span span;
  const double position = fmin(fmax(centre - 0.5, 0.0), double(size - 1));
  span.begin = int(floor(position));
  span.last = float(position - span.begin);
  span.first = 1 - span.last;
  span.count = span.last > 0 ? 2 : 1;
  return span;
}

// Output pixel `index` covers [start + index·step, + step) in samples. size: samples on the axis;
// extent: where the picture ends, half a sample before the last sample's edge for the chroma of odd
// sizes.
TUBECAM_HOST_DEVICE Span resample_span(int index, double start, double step, int size,
                                       double extent) {
  const double low = start + index * step;
  const double inside_low = fmax(low, 0.0), inside_high = fmin(low + step, extent);
  if (!(inside_high > inside_low)) return {};
  Span span =
      step >= 1 ? area_span(inside_low, inside_high, size) : linear_span(low + step / 2, size);
  span.coverage = float((inside_high - inside_low) / step);
  return span;
}

// R = y + r_v·v, G = y + g_u·u + g_v·v, B = y + b_u·u with y, u, v scaled and centred; all in
// 0…255.
struct YuvToRgb {
  float y_scale, y_offset;  // y = y_scale·Y + y_offset
  float r_v, g_u, g_v, b_u;
};

// kr, kb: the matrix's shares of red and blue in luma (ITU-R BT.601: 0.299, 0.114; BT.709: 0.2126,
// 0.0722).
TUBECAM_HOST_DEVICE YuvToRgb yuv_to_rgb(double kr, double kb, bool full_range) {
  const double y_scale = full_range ? 1.0 : 255.0 / 219.0;
  const double c_scale = full_range ? 1.0 : 255.0 / 224.0;
  const double kg = 1 - kr - kb;
  return {float(y_scale),
          float(full_range ? 0.0 : -16.0 * y_scale),
          float(2 * (1 - kr) * c_scale),
          float(-2 * (1 - kb) * kb / kg * c_scale),
          float(-2 * (1 - kr) * kr / kg * c_scale),
          float(2 * (1 - kb) * c_scale)};
}

TUBECAM_HOST_DEVICE float clamp_byte(float value) {
  value = value > 0 ? value : 0;
  return value < 255 ? value : 255;
}

// Y, U, V in 0…255 → R, G, B in 0…255, in place.
TUBECAM_HOST_DEVICE void convert_yuv(const YuvToRgb& k, float& y, float& u, float& v) {
  const float luma = k.y_scale * y + k.y_offset, cb = u - 128, cr = v - 128;
  y = clamp_byte(luma + k.r_v * cr);
  u = clamp_byte(luma + k.g_u * cb + k.g_v * cr);
  v = clamp_byte(luma + k.b_u * cb);
}

// (value/255 − mean)/std as one multiplication and addition.
struct Normalisation {
  float scale = 1, bias = 0;
};

TUBECAM_HOST_DEVICE Normalisation normalisation(float mean, float std) {
  return {float(1.0 / (255.0 * std)), float(-double(mean) / std)};
}

}  // namespace tubecam
