#include "plugin/flow.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"
#include "plugin/meta.h"

namespace tubecam {
namespace {

constexpr int64_t kDiscontGap =
    GST_SECOND / 4;                       // a shorter one is a lost frame, as times tell already
constexpr int64_t kLongGap = GST_SECOND;  // as of ClipWindow
constexpr int64_t kExtraHold = 4 * GST_SECOND;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool same_timeline(const GstSegment& a, const GstSegment& b) {
  return a.format == b.format && a.rate == b.rate && a.base == b.base && a.offset == b.offset &&
         a.start == b.start && a.time == b.time;
}

}  // namespace

Flow::Flow(GstBaseTransform* element, Session* session, const Settings& settings,
           RateLimit* warnings)
    : element_(element),
      session_(session),
      stream_(session_->stream()),
      warnings_(warnings),
      align_(settings.align),
      padding_(settings.padding),
      device_(Device::parse(settings.device)),
      hop_(settings.hop) {
  gst_video_info_init(&info_);
}

void Flow::set_caps(GstCaps* caps) {
  GstVideoInfo info;
  check(gst_video_info_from_caps(&info, caps), ErrorCode::kUsage, "caps that describe no video");
  mapper_ = make_frame_mapper(caps);
  const std::string problem = align_ == Align::kDelayed ? mapper_->why_not_held() : "";
  check(problem.empty(), ErrorCode::kUsage, problem);
  info_ = info;
  const int fps_n = GST_VIDEO_INFO_FPS_N(&info), fps_d = GST_VIDEO_INFO_FPS_D(&info);
  frame_duration_ = fps_n > 0 ? gst_util_uint64_scale(GST_SECOND, fps_d, fps_n) : 0;
}

void Flow::set_segment(const GstSegment& segment) {
  if (segment_ && same_timeline(*segment_, segment)) return;
  if (segment_) stream_.end_stretch();
  segment_ = std::make_shared<const GstSegment>(segment);
  newest_pts_ = -1;
  next_pts_ = GST_CLOCK_TIME_IS_VALID(segment.start) ? segment.start : 0;
}

std::optional<int64_t> Flow::time_of(GstBuffer* buffer) {
  int64_t pts = next_pts_;
  if (GST_BUFFER_PTS_IS_VALID(buffer)) {
    pts = GST_BUFFER_PTS(buffer);
  } else if (frame_duration_ == 0) {
    if (!std::exchange(untimed_told_, true)) {
      post_warning(GST_ELEMENT(element_),
                   "Frames without a timestamp and without a frame rate are passed unexplained");
    }
    return std::nullopt;
  }
  next_pts_ = pts + frame_duration_;
  return pts;
}

bool Flow::source_is_live() {
  if (live_) return *live_;
  GstQuery* query = gst_query_new_latency();
  gboolean live = FALSE;
  if (gst_pad_peer_query(element_->sinkpad, query)) {
    gst_query_parse_latency(query, &live, nullptr, nullptr);
  }
  gst_query_unref(query);
  live_ = live;
  return live;
}

Worker::WhenFull Flow::when_full(const Settings& settings) {
  const bool drop = settings.late_windows == LateWindows::kDrop ||
                    (settings.late_windows == LateWindows::kAuto && source_is_live());
  return drop ? Worker::WhenFull::kDrop : Worker::WhenFull::kWait;
}

std::optional<FramePlace> Flow::place(GstBuffer* buffer, const Settings& settings) {
  const std::optional<int64_t> pts = time_of(buffer);
  if (!pts) return std::nullopt;
  const bool jumped = newest_pts_ >= 0 && std::abs(*pts - newest_pts_) > kDiscontGap;
  if (GST_BUFFER_IS_DISCONT(buffer) && jumped) stream_.end_stretch();
  newest_pts_ = *pts;
  try {
    if (std::exchange(hop_, settings.hop) != settings.hop) stream_.set_hop(settings.hop);
    check(mapper_ != nullptr, ErrorCode::kUsage, "a frame came before its caps");
    const FrameMap map(mapper_.get(), buffer, Access::kRead);
    check_device(map.frame().device, device_);
    return stream_.push(map.frame(), *pts, when_full(settings), segment_);
  } catch (const std::exception& error) {
    warn(error.what());
    return std::nullopt;
  }
}

void Flow::accept(GstBuffer* buffer, const Settings& settings) {
  const auto begin = std::chrono::steady_clock::now();
  threshold_ = settings.threshold;
  const std::optional<FramePlace> placed = place(buffer, settings);
  frames_came_ = true;
  held_.push_frame(buffer, placed.has_value(), placed.value_or(FramePlace{}),
                   align_ == Align::kDelayed);
  work_seconds_ += seconds_since(begin);
}

bool Flow::may_go(const HeldItem& item) {
  if (!item.placed || stream_.ready(item.place)) return true;
  const auto hold = static_cast<int64_t>(stream_.hold_seconds() * GST_SECOND);
  if (!held_.overfull(hold + kExtraHold)) return false;
  if (!std::exchange(overfull_told_, true)) {
    post_warning(GST_ELEMENT(element_),
                 "Inference is so far behind that frames go before their own window is explained; "
                 "a smaller model, a longer hop or align=latest would help");
  }
  return true;
}

GstBuffer* Flow::next() {
  const auto begin = std::chrono::steady_clock::now();
  GstBuffer* frame = nullptr;
  while (!frame && !held_.empty() && may_go(held_.front())) {
    const HeldItem item = held_.pop();
    if (!item.is_buffer()) {
      gst_pad_push_event(element_->srcpad, GST_EVENT_CAST(item.object));
      continue;
    }
    frame = GST_BUFFER_CAST(item.object);
    if (item.placed) frame = decorate(frame, item.place);
  }
  work_seconds_ += seconds_since(begin);
  if (!frame || held_.empty()) measure(std::exchange(work_seconds_, 0));
  return frame;
}

GstBuffer* Flow::decorate(GstBuffer* buffer, const FramePlace& place) {
  const Stream::ExplanationPtr explanation = stream_.explanation(place);
  if (!explanation) return buffer;
  if (explanation != described_) {
    fields_.reset(describe(*explanation, session_->bundle(), threshold_));
    described_ = explanation;
  }
  buffer = gst_buffer_make_writable(buffer);
  attach(buffer, fields_.get(), *explanation, session_->bundle().clip,
         {place.pts, GST_VIDEO_INFO_WIDTH(&info_), GST_VIDEO_INFO_HEIGHT(&info_), threshold_});
  return buffer;
}

void Flow::measure(double seconds) {
  const bool changed = stream_.measure(seconds, 1e-9 * static_cast<double>(frame_duration_));
  if (!changed || !source_is_live()) return;
  GST_INFO_OBJECT(element_, "own latency is now %" GST_TIME_FORMAT,
                  GST_TIME_ARGS(stream_.latency().nanoseconds()));
  gst_element_post_message(GST_ELEMENT(element_), gst_message_new_latency(GST_OBJECT(element_)));
}

void Flow::hold(GstEvent* event) { held_.push_event(event); }

void Flow::pad() {
  try {
    stream_.pad(padding_, segment_);
  } catch (const std::exception& error) {
    warn(error.what());
  }
}

void Flow::drain() {
  stream_.finish();
  GstFlowReturn flow = GST_FLOW_OK;
  while (GstBuffer* frame = next()) {
    if (flow == GST_FLOW_OK) {
      flow = gst_pad_push(element_->srcpad, frame);
    } else {
      gst_buffer_unref(frame);
    }
  }
}

void Flow::flush() {
  held_.clear();
  stream_.restart();
  newest_pts_ = -1;
}

void Flow::end_stretch() { stream_.end_stretch(); }

void Flow::tell_when_short() {
  if (!frames_came_ || stream_.counters().windows > 0) return;
  const ClipSpec& spec = session_->bundle().clip;
  std::string text = "No explanation: the video ended ";
  text += std::to_string(stream_.slots_missing()) + " slices before its first window of " +
          std::to_string(spec.length) + " (at " + std::to_string(spec.sample_fps).substr(0, 5) +
          " a second) was complete";
  post_warning(GST_ELEMENT(element_), text);
}

bool Flow::gap_is_long(GstClockTime end) const {
  return newest_pts_ < 0 || static_cast<int64_t>(end) - newest_pts_ > kLongGap;
}

void Flow::warn(const std::string& text) {
  if (warnings_->allow()) post_warning(GST_ELEMENT(element_), text);
}

}  // namespace tubecam
