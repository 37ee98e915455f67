#include <algorithm>

#include "base/macros.h"
#include "clip/preprocess/preprocess_plan.h"

// Note [Resampling on a CPU]
// Rows are added up before columns: the vertical pass streams through memory once with additions
// of whole rows, 16 bits a byte, and leaves one short row of floats for the horizontal pass.

namespace tubecam {

namespace {

constexpr int kMaxRows = 257;  // 257 · 255 is the most that 16 bits hold

// sum[x] = Σ over `count` ≤ kMaxRows rows
TUBECAM_MULTIVERSION
void add_rows(const uint8_t* TUBECAM_RESTRICT rows, int stride, int count, int bytes,
              uint16_t* TUBECAM_RESTRICT sum) {
  int row = count % 4;
  std::fill_n(sum, bytes, uint16_t(0));
  for (int i = 0; i < row; ++i, rows += stride) {
    for (int x = 0; x < bytes; ++x) sum[x] = uint16_t(sum[x] + rows[x]);
  }
  for (; row < count; row += 4, rows += 4 * size_t(stride)) {
    const uint8_t* TUBECAM_RESTRICT a = rows;
    const uint8_t* TUBECAM_RESTRICT b = a + stride;
    const uint8_t* TUBECAM_RESTRICT c = b + stride;
    const uint8_t* TUBECAM_RESTRICT d = c + stride;
    for (int x = 0; x < bytes; ++x) sum[x] = uint16_t(sum[x] + a[x] + b[x] + c[x] + d[x]);
  }
}

// The rows of one span: its first, its last, and the sum of those between.
TUBECAM_MULTIVERSION
void blend_rows(const uint8_t* TUBECAM_RESTRICT first, const uint16_t* TUBECAM_RESTRICT sum,
                const uint8_t* TUBECAM_RESTRICT last, const Span& span, int bytes,
                float* TUBECAM_RESTRICT out) {
  const float first_weight = span.first, inner_weight = span.inner;
  const float last_weight = span.count > 1 ? span.last : 0;
  for (int x = 0; x < bytes; ++x) {
    out[x] = first_weight * first[x] + inner_weight * sum[x] + last_weight * last[x];
  }
}

TUBECAM_MULTIVERSION
void add_scaled(const uint16_t* TUBECAM_RESTRICT sum, float weight, int bytes,
                float* TUBECAM_RESTRICT out) {
  for (int x = 0; x < bytes; ++x) out[x] += weight * sum[x];
}

void resample_row(PlanePlan& plane, const uint8_t* data, int stride, const Span& span) {
  const uint8_t* first = data + size_t(span.begin) * stride + plane.begin;
  const uint8_t* last = first + size_t(span.count - 1) * stride;
  uint16_t* sum = plane.sum.data();
  const int end = span.count - 1;
  int row = std::min(1 + kMaxRows, std::max(1, end));
  add_rows(first + stride, stride, row - 1, plane.bytes, sum);
  blend_rows(first, sum, last, span, plane.bytes, plane.row.data());
  for (; row < end; row += kMaxRows) {
    add_rows(first + size_t(row) * stride, stride, std::min(kMaxRows, end - row), plane.bytes, sum);
    add_scaled(sum, span.inner, plane.bytes, plane.row.data());
  }
}

// out[c][i] = Σ over taps of output pixel i and channel c; a lane belongs to channel lane %
// channels.
template <int channels>
inline __attribute__((always_inline)) void dot_columns(const PlanePlan& plane, int width,
                                                       float* TUBECAM_RESTRICT out) {
  constexpr int lanes = preprocess_lanes(channels);
  for (int i = 0; i < width; ++i) {
    const float* TUBECAM_RESTRICT weights = plane.weights.data() + size_t(i) * plane.taps;
    const float* TUBECAM_RESTRICT row = plane.row.data() + plane.columns[i];
    float lane_sum[lanes] = {};
    for (int tap = 0; tap < plane.taps; tap += lanes) {
      for (int lane = 0; lane < lanes; ++lane)
        lane_sum[lane] += weights[tap + lane] * row[tap + lane];
    }
    for (int c = 0; c < channels; ++c) {
      float total = 0;
      for (int lane = c; lane < lanes; lane += channels) total += lane_sum[lane];
      out[c * width + i] = total;
    }
  }
}

TUBECAM_MULTIVERSION
void resample_columns(const PlanePlan& plane, int width, float* out) {
  switch (plane.layout.channels) {
    case 1:
      return dot_columns<1>(plane, width, out);
    case 2:
      return dot_columns<2>(plane, width, out);
    case 3:
      return dot_columns<3>(plane, width, out);
    default:
      return dot_columns<4>(plane, width, out);
  }
}

TUBECAM_MULTIVERSION
void convert_row(const YuvToRgb& k, int width, float* TUBECAM_RESTRICT y, float* TUBECAM_RESTRICT u,
                 float* TUBECAM_RESTRICT v) {
  for (int i = 0; i < width; ++i) convert_yuv(k, y[i], u[i], v[i]);
}

TUBECAM_MULTIVERSION
void normalise_row(const float* TUBECAM_RESTRICT values, Normalisation normal,
                   const float* TUBECAM_RESTRICT column_coverage, float row_coverage, int width,
                   float* TUBECAM_RESTRICT out) {
  for (int i = 0; i < width; ++i) {
    out[i] = (normal.scale * values[i] + normal.bias) * (column_coverage[i] * row_coverage);
  }
}

}  // namespace

void preprocess_cpu(PreprocessPlan& plan, const Frame& frame, float* sampled) {
  const YuvToRgb conversion = frame_conversion(frame);
  const int width = plan.width;
  const size_t plane_size = size_t(plan.height) * width;
  float* channels = plan.channels.data();
  for (int y = 0; y < plan.height; ++y) {
    float* out = channels;
    for (size_t i = 0; i < plan.planes.size(); ++i) {
      PlanePlan& plane = plan.planes[i];
      if (plane.rows[y].count > 0 && plane.bytes > 0) {
        resample_row(plane, frame.plane[i], frame.stride[i], plane.rows[y]);
        resample_columns(plane, width, out);
      }
      out += plane.layout.channels * width;
    }
    if (is_yuv(frame.format)) {
      convert_row(conversion, width, channels, channels + width, channels + 2 * width);
    }
    for (int c = 0; c < 3; ++c) {
      normalise_row(channels + plan.map.channel[c] * width, plan.map.normal[c],
                    plan.column_coverage.data(), plan.row_coverage[y], width,
                    sampled + c * plane_size + size_t(y) * width);
    }
  }
}

}  // namespace tubecam
