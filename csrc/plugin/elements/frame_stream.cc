#include "plugin/elements/frame_stream.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"
#include "plugin/meta/frame_stamp.h"
#include "plugin/meta/meta.h"

namespace tubecam {
namespace {

constexpr int64_t kDiscontGap = GST_SECOND / 4;  // a shorter one is a lost frame
constexpr int64_t kLongGap = GST_SECOND;         // as of ClipWindow
constexpr int64_t kExtraHold = 4 * GST_SECOND;
constexpr GstClockTime kLatestStart = GstClockTime{1} << 62;  // as of ClipWindow

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool same_timeline(const GstSegment& a, const GstSegment& b) {
  return a.format == b.format && a.rate == b.rate && a.base == b.base && a.offset == b.offset &&
         a.start == b.start && a.time == b.time;
}

}  // namespace

FrameStream::FrameStream(GstBaseTransform* element, Session* session, const Settings& settings,
                         RateLimit* warnings)
    : element_(element),
      session_(session),
      windows_(session_->windows()),
      warnings_(warnings),
      align_(settings.align),
      padding_(settings.padding),
      device_(Device::parse(settings.device)),
      max_held_bytes_(settings.max_held_bytes),
      hop_(settings.explain.hop),
      repair_(0, gap_limit(session_->bundle().clip)),
      report_(GST_ELEMENT(element), session_->bundle().clip) {
  gst_video_info_init(&info_);
  if (align_ == Align::kDelayed) watch_ = std::make_unique<StallWatch>(GST_ELEMENT(element));
}

void FrameStream::set_caps(GstCaps* caps) {
  GstVideoInfo info;
  check(gst_video_info_from_caps(&info, caps), ErrorCode::kUsage, "caps that describe no video");
  mapper_ = make_frame_mapper(caps);
  const std::string problem = align_ == Align::kDelayed ? mapper_->why_not_held() : "";
  check(problem.empty(), ErrorCode::kUsage, problem);
  info_ = info;
  const int fps_n = GST_VIDEO_INFO_FPS_N(&info), fps_d = GST_VIDEO_INFO_FPS_D(&info);
  frame_duration_ = fps_n > 0 ? gst_util_uint64_scale(GST_SECOND, fps_d, fps_n) : 0;
  repair_.set_interval(frame_duration_);
}

void FrameStream::set_segment(const GstSegment& segment) {
  if (segment_ && same_timeline(*segment_, segment)) return;
  if (segment_) windows_.end_segment();
  segment_ = std::make_shared<const GstSegment>(segment);
  newest_pts_ = -1;
  repair_.restart(segment.start <= kLatestStart ? static_cast<int64_t>(segment.start) : 0);
}

std::optional<int64_t> FrameStream::time_of(GstBuffer* buffer) {
  std::optional<int64_t> stated;
  if (GST_BUFFER_PTS(buffer) <= G_MAXINT64) stated = static_cast<int64_t>(GST_BUFFER_PTS(buffer));
  const bool jumped = stated && newest_pts_ >= 0 && std::abs(*stated - newest_pts_) > kDiscontGap;
  if (GST_BUFFER_IS_DISCONT(buffer) && jumped) end_segment();
  const std::optional<int64_t> pts = repair_.next(stated);
  windows_.count()([&](StreamCounts& counts) { counts.stamps = repair_.faults(); });
  if (!pts && !std::exchange(untimed_reported_, true)) {
    post_warning(GST_ELEMENT(element_),
                 "Frames without a timestamp and without a frame rate are passed unexplained");
  }
  return pts;
}

bool FrameStream::source_is_live() {
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

ExplainWorker::WhenFull FrameStream::when_full(const Settings& settings) {
  const bool drop = settings.late_windows == LateWindows::kDrop ||
                    (settings.late_windows == LateWindows::kAuto && source_is_live());
  return drop ? ExplainWorker::WhenFull::kDrop : ExplainWorker::WhenFull::kWait;
}

std::optional<FramePlace> FrameStream::place(GstBuffer* buffer, const Settings& settings) {
  if (segment_ && segment_->rate < 0) {
    windows_.count()([](StreamCounts& counts) { ++counts.backwards; });
    return std::nullopt;
  }
  const std::optional<int64_t> pts = time_of(buffer);
  if (!pts) return std::nullopt;
  newest_pts_ = *pts;
  try {
    if (std::exchange(hop_, settings.explain.hop) != settings.explain.hop)
      windows_.set_hop(settings.explain.hop);
    check(mapper_ != nullptr, ErrorCode::kUsage, "a frame came before its caps");
    const FrameMap map(mapper_.get(), buffer, Access::kRead);
    check_device(map.frame().device, device_);
    return windows_.push(map.frame(), *pts, when_full(settings), segment_);
  } catch (...) {
    warn(current_message());
    return std::nullopt;
  }
}

void FrameStream::accept(GstBuffer* buffer, const Settings& settings) {
  const auto begin = std::chrono::steady_clock::now();
  if (watch_) watch_->input_came();
  threshold_ = settings.explain.threshold;
  max_held_bytes_ = settings.max_held_bytes;
  const std::optional<FramePlace> placed = place(buffer, settings);
  frames_came_ = true;
  held_.push_frame(buffer, placed.has_value(), placed.value_or(FramePlace{}),
                   align_ == Align::kDelayed);
  report_.update(windows_.counts(), early_, false);
  work_seconds_ += seconds_since(begin);
}

bool FrameStream::is_due(const FramePlace& place) {
  const FramePlace& newest = held_.newest();
  if (drains_ || align_ == Align::kLatest || place.segment != newest.segment || !source_is_live())
    return true;
  const int64_t latency = windows_.latency().nanoseconds();
  return newest.pts - place.pts + frame_duration_ >= latency - windows_.spare(frame_duration_) / 2;
}

bool FrameStream::may_go(const HeldItem& item) {
  if (!item.placed) return true;
  const bool ready = windows_.ready(item.place);
  if (ready && is_due(item.place)) return true;
  const auto hold = static_cast<int64_t>(windows_.hold_seconds() * GST_SECOND);
  const HoldQueue::Limit limit = held_.exceeded(max_held_bytes_, hold + kExtraHold);
  if (limit == HoldQueue::Limit::kNone || ready) return limit != HoldQueue::Limit::kNone;
  early_ = why_early(limit);
  windows_.count()([](StreamCounts& counts) { ++counts.early; });
  return true;
}

std::string FrameStream::why_early(HoldQueue::Limit limit) const {
  if (limit == HoldQueue::Limit::kTime)
    return "inference is more than 4 s behind; a smaller model, a longer hop or align=latest "
           "would help";
  std::string text = "those of " + std::to_string(windows_.hold_seconds()).substr(0, 4) +
                     " s have to wait, and " + std::to_string(held_.size()) + " frames of " +
                     std::to_string(GST_VIDEO_INFO_WIDTH(&info_)) + "x" +
                     std::to_string(GST_VIDEO_INFO_HEIGHT(&info_)) + " " +
                     gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info_));
  if (limit == HoldQueue::Limit::kItems) return text + " are as many as can wait; use align=latest";
  return text + " already take max-held-bytes (" + std::to_string(max_held_bytes_ >> 20) +
         " MiB): raise it, make frames smaller before tubecam (NV12, a smaller size), or use "
         "align=latest";
}

GstBuffer* FrameStream::next() {
  const auto begin = std::chrono::steady_clock::now();
  GstBuffer* frame = nullptr;
  while (!frame && !held_.empty() && may_go(held_.front())) {
    const HeldItem item = held_.pop();
    if (!item.is_buffer()) {
      gst_pad_push_event(element_->srcpad, GST_EVENT_CAST(item.object));
      continue;
    }
    frame = decorate(item);
  }
  work_seconds_ += seconds_since(begin);
  if (!frame || held_.empty()) measure(std::exchange(work_seconds_, 0));
  if (watch_ && !frame && !held_.empty())
    watch_->wait_for_input(held_.size(), windows_.hold_seconds());
  return frame;
}

GstBuffer* FrameStream::decorate(const HeldItem& item) {
  GstBuffer* buffer = gst_buffer_make_writable(GST_BUFFER_CAST(item.object));
  const LiveWindows::ExplanationPtr explanation =
      item.placed ? windows_.explanation(item.place) : nullptr;
  stamp_frame(buffer, explanation != nullptr);
  if (!explanation) return buffer;
  if (explanation != described_) {
    fields_.reset(describe(*explanation));
    described_ = explanation;
  }
  attach(buffer, fields_.get(), *explanation,
         {item.place.pts, GST_VIDEO_INFO_WIDTH(&info_), GST_VIDEO_INFO_HEIGHT(&info_), threshold_});
  return buffer;
}

void FrameStream::measure(double seconds) {
  const bool changed = windows_.measure(seconds, 1e-9 * static_cast<double>(frame_duration_));
  if (!changed || !source_is_live()) return;
  GST_INFO_OBJECT(element_, "own latency is now %" GST_TIME_FORMAT,
                  GST_TIME_ARGS(windows_.latency().nanoseconds()));
  gst_element_post_message(GST_ELEMENT(element_), gst_message_new_latency(GST_OBJECT(element_)));
}

void FrameStream::hold(GstEvent* event) { held_.push_event(event); }

void FrameStream::pad() {
  try {
    windows_.pad(padding_, segment_);
  } catch (...) {
    warn(current_message());
  }
}

void FrameStream::drain() {
  windows_.finish();
  drains_ = true;
  GstFlowReturn flow = GST_FLOW_OK;
  while (GstBuffer* frame = next()) {
    if (flow == GST_FLOW_OK) {
      flow = gst_pad_push(element_->srcpad, frame);
    } else {
      gst_buffer_unref(frame);
    }
  }
  drains_ = false;
}

void FrameStream::flush() {
  if (watch_) watch_->input_came();
  held_.clear();
  windows_.restart();
  newest_pts_ = -1;
  repair_.restart();
}

void FrameStream::end_segment() {
  windows_.end_segment();
  repair_.restart();
}

void FrameStream::note_gap() { repair_.restart(); }

void FrameStream::report_counts() { report_.update(windows_.counts(), early_, true); }

void FrameStream::warn_when_short() {
  if (!frames_came_ || windows_.counts().windows > 0) return;
  const ClipSpec& spec = session_->bundle().clip;
  std::string text = "No explanation: the video ended ";
  text += std::to_string(windows_.slots_missing()) + " slices before its first window of " +
          std::to_string(spec.length) + " (at " + std::to_string(spec.sample_fps).substr(0, 5) +
          " a second) was complete";
  post_warning(GST_ELEMENT(element_), text);
}

bool FrameStream::gap_is_long(GstClockTime end) const {
  return newest_pts_ < 0 || static_cast<int64_t>(end) - newest_pts_ > kLongGap;
}

void FrameStream::warn(const std::string& text) {
  if (warnings_->allow()) post_warning(GST_ELEMENT(element_), text);
}

}  // namespace tubecam
