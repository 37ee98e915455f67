#include "clip/preprocess/preprocess.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "clip/preprocess/preprocess_plan.h"

namespace tubecam {

static std::vector<Span> make_spans(int count, double start, double length, int size,
                                    double extent) {
  std::vector<Span> spans(count);
  for (int i = 0; i < count; ++i) {
    spans[i] = resample_span(i, start, length / count, size, extent);
  }
  return spans;
}

YuvToRgb frame_conversion(const Frame& frame) {
  const bool hd = frame.matrix == YuvMatrix::kBt709;
  return yuv_to_rgb(hd ? 0.2126 : 0.299, hd ? 0.0722 : 0.114, frame.full_range);
}

ChannelMap channel_map(PixelFormat format, const ClipSpec& spec) {
  ChannelMap map;
  const bool blue_first = is_blue_first(format) != (spec.color == ColorOrder::kBgr);
  for (int c = 0; c < 3; ++c) {
    map.channel[c] = blue_first ? 2 - c : c;
    map.normal[c] = normalisation(spec.mean[c], spec.std[c]);
  }
  return map;
}

PlaneSpans plane_spans(const Frame& frame, int plane, const Rect& source, const ClipSpec& spec) {
  const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, plane);
  const double unit = layout.chroma ? 2 : 1;  // frame pixels a sample
  return {make_spans(spec.height, source.y / unit, source.height / unit, layout.height,
                     frame.height / unit),
          make_spans(spec.width, source.x / unit, source.width / unit, layout.width,
                     frame.width / unit)};
}

namespace {

std::vector<float> coverage(const std::vector<Span>& spans) {
  std::vector<float> values;
  for (const Span& span : spans) values.push_back(span.coverage);
  return values;
}

void plan_columns(const std::vector<Span>& spans, PlanePlan& plane) {
  const int channels = plane.layout.channels, lanes = preprocess_lanes(channels);
  int begin = plane.layout.width, end = 0, longest = 0;
  for (const Span& span : spans) {
    if (span.count == 0) continue;
    begin = std::min(begin, span.begin);
    end = std::max(end, span.begin + span.count);
    longest = std::max(longest, span.count * channels);
  }
  plane.taps = (longest + lanes - 1) / lanes * lanes;
  plane.begin = begin * channels;
  plane.bytes = std::max(0, end - begin) * channels;
  plane.columns.assign(spans.size(), 0);
  plane.weights.assign(spans.size() * plane.taps, 0);
  for (size_t i = 0; i < spans.size(); ++i) {
    const Span& span = spans[i];
    if (span.count > 0) plane.columns[i] = (span.begin - begin) * channels;
    for (int byte = 0; byte < span.count * channels; ++byte) {
      plane.weights[i * plane.taps + byte] = span_weight(span, byte / channels);
    }
  }
  plane.sum.assign(plane.bytes, 0);
  plane.row.assign(plane.bytes + plane.taps, 0);
}

PreprocessPlan make_plan(const Frame& frame, const Rect& source, const ClipSpec& spec) {
  PreprocessPlan plan;
  plan.frame = frame;
  plan.source = source;
  plan.height = spec.height;
  plan.width = spec.width;
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneSpans spans = plane_spans(frame, i, source, spec);
    if (i == 0) {
      plan.row_coverage = coverage(spans.rows);
      plan.column_coverage = coverage(spans.columns);
    }
    PlanePlan plane;
    plane.layout = plane_layout(frame.format, frame.width, frame.height, i);
    plane.rows = spans.rows;
    plan_columns(spans.columns, plane);
    plan.planes.push_back(std::move(plane));
  }
  plan.map = channel_map(frame.format, spec);
  plan.channels.assign(4 * size_t(spec.width), 0);
  return plan;
}

}  // namespace

Preprocessor::Preprocessor(const ClipSpec& spec, Device device) : spec_(spec), device_(device) {
  check_clip_spec(spec);
  require_kernels(device);
}

Preprocessor::~Preprocessor() = default;
Preprocessor::Preprocessor(Preprocessor&&) noexcept = default;
Preprocessor& Preprocessor::operator=(Preprocessor&&) noexcept = default;

void Preprocessor::run(const Frame& frame, const Rect& source, float* sampled) {
  check_frame(frame);
  const Device device = device_for(frame, device_);
  if (device.type == DeviceType::kCuda) {
    using CudaFunction = void(const ClipSpec&, const Frame&, const Rect&, float*, Device);
    check_source(source);
    return device_function<CudaFunction>(device, "tubecam_preprocess")(spec_, frame, source,
                                                                       sampled, device);
  }
  if (!plan_ || !same_size(plan_->frame, frame) || !(plan_->source == source)) {
    check_source(source);
    plan_ = std::make_unique<PreprocessPlan>(make_plan(frame, source, spec_));
  }
  preprocess_cpu(*plan_, frame, sampled);
}

void preprocess(const Frame& frame, const Rect& source, const ClipSpec& spec, float* sampled,
                Device device) {
  Preprocessor(spec, device).run(frame, source, sampled);
}

}  // namespace tubecam
