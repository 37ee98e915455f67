#include "live/live_windows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace tubecam {
namespace {

// With Align::kLatest: an explanation that ended longer ago than this says nothing about the frame.
constexpr int64_t kMaxAge = 5'000'000'000;

constexpr double kMaxGap = 1;  // seconds
// A rate that was asked for is meant to spread a window over a whole video, gaps and all.
constexpr double kMaxSpannedGap = 60;

// Seconds of work a frame, until frames have been measured: the first must not come too late.
constexpr double kFirstWork = 0.01;

}  // namespace

LiveWindows::LiveWindows(const ClipSpec& spec, const Options& options,
                         ExplainWorker::Explain explain, ExplainWorker::Listener listener)
    : align_(options.align),
      device_(options.device),
      fall_back_to_cpu_(options.fall_back_to_cpu),
      window_(spec, options.hop, kMaxGap, device_()),
      hop_(options.hop),
      worker_(std::move(explain), std::move(listener)) {
  if (options.sample_fps > 0) window_.sample_at(options.sample_fps, kMaxSpannedGap);
  work_.sample(kFirstWork);
  expect(options.inference_seconds);
  latency_.set(fixed_seconds(0), measured_seconds());
}

// A window that comes while another is explained waits for it; those that come until then are
// dropped.
void LiveWindows::expect(double inference_seconds) {
  const double hops = std::ceil(inference_seconds / hop_seconds());
  turnaround_.sample(hops > 1 ? 2 * inference_seconds : inference_seconds);
  spacing_.sample(std::max(hops, 1.0) * hop_seconds());
}

void LiveWindows::note_taken(const Window& window) {
  const int64_t middle = window.pts.front() + (window.pts.back() - window.pts.front()) / 2;
  if (taken_ && taken_->segment == segment_)
    spacing_.sample(1e-9 * static_cast<double>(middle - taken_->pts));
  taken_ = {segment_, middle};
}

// True when a window is complete.
bool LiveWindows::take(const Frame& frame, int64_t pts) {
  if (const Device wanted = device_(); wanted != window_.device()) window_.move_to(wanted);
  try {
    return window_.push(frame, pts);
  } catch (const Error& error) {
    if (window_.device().type == DeviceType::kCpu || !fall_back_to_cpu_(error)) throw;
  }
  window_.move_to(device_());
  return window_.push(frame, pts);
}

FramePlace LiveWindows::push(const Frame& frame, int64_t pts, ExplainWorker::WhenFull when_full,
                             const std::shared_ptr<const void>& context) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const bool complete = take(frame, pts);
  preprocess_ms_ += std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  if (window_.resets() != window_resets_) {
    window_resets_ = window_.resets();
    if (!fresh_) ++segment_, fresh_ = true;
  }
  if (fresh_ && started_) count_([](StreamCounts& c) { ++c.resets; });
  started_ = true;
  fresh_ = closed_ = false;
  if (complete) submit(when_full, context);
  return {segment_, pts};
}

void LiveWindows::submit(ExplainWorker::WhenFull when_full,
                         const std::shared_ptr<const void>& context) {
  const Window& window = window_.window();
  Job job{next_id_++, window, std::exchange(preprocess_ms_, 0), context};
  aligner_.add(job.id, segment_, window.pts.front(), window.pts.back());
  count_([&](StreamCounts& c) {
    ++c.windows;
    c.sparse += window.is_sparse();
  });
  const uint64_t id = job.id;
  const auto fill = [this](ClipBuffer& clip) {
    if (!clip.owner || clip.view.device != window_.device()) clip = window_.make_clip();
    window_.copy_to(clip.view);
  };
  ExplainWorker::Submitted submitted;
  try {
    submitted = worker_.submit(std::move(job), fill, when_full);
  } catch (const Error& error) {
    aligner_.dropped(id);
    if (!fall_back_to_cpu_(error)) throw;
    return;
  } catch (...) {
    aligner_.dropped(id);  // or frames would wait for it
    throw;
  }
  if (submitted == ExplainWorker::Submitted::kTaken) return note_taken(window);
  aligner_.dropped(id);
  if (submitted == ExplainWorker::Submitted::kDropped) count_([](StreamCounts& c) { ++c.dropped; });
}

void LiveWindows::pad(Padding padding, const std::shared_ptr<const void>& context) {
  if (next_id_ == 0 && window_.pad(padding)) submit(ExplainWorker::WhenFull::kWait, context);
}

void LiveWindows::collect() {
  for (Outcome& outcome : worker_.take()) {
    turnaround_.sample(outcome.turnaround);
    if (outcome.explanation) {
      aligner_.explained(outcome.job.id, std::move(outcome.explanation));
    } else {
      aligner_.failed(outcome.job.id);
    }
  }
}

bool LiveWindows::ready(const FramePlace& place) {
  collect();
  if (align_ == Align::kLatest) return true;
  return aligner_.settled(place, closed_ || place.segment < segment_);
}

LiveWindows::ExplanationPtr LiveWindows::explanation(const FramePlace& place) {
  collect();
  aligner_.forget_before(place);
  if (align_ == Align::kLatest) return aligner_.latest(place, kMaxAge);
  return aligner_.central(place);
}

void LiveWindows::end_segment() {
  window_.reset();
  if (fresh_) return;
  ++segment_;
  fresh_ = true;
}

void LiveWindows::finish() {
  worker_.wait_idle();
  collect();
  closed_ = true;
}

void LiveWindows::restart() {
  worker_.resume();
  aligner_.clear();
  end_segment();
}

// The first frame waits for its window's last sampled frame. One behind the middle of a window
// waits for the next window; where windows between two that are explained are dropped, a frame half
// way between these waits for the second.
double LiveWindows::hold_seconds() const {
  if (align_ == Align::kLatest) return 0;
  const double last = (window_.spec().length - 1) / window_.spec().sample_fps;
  return std::max(last, last / 2 + std::max(hop_seconds(), spacing_.seconds() / 2));
}

// A result is noticed when the next frame comes: up to one frame later.
double LiveWindows::fixed_seconds(double frame_seconds) const {
  return align_ == Align::kLatest ? 0 : hold_seconds() + frame_seconds;
}

double LiveWindows::measured_seconds() const {
  return work_.seconds() + (align_ == Align::kLatest ? 0 : turnaround_.seconds());
}

bool LiveWindows::measure(double work_seconds, double frame_seconds) {
  work_.sample(work_seconds);
  return latency_.update(fixed_seconds(frame_seconds), measured_seconds());
}

int64_t LiveWindows::spare(int64_t frame_duration) const {
  const double needed = fixed_seconds(1e-9 * double(frame_duration)) + measured_seconds();
  return std::max<int64_t>(0, latency_.nanoseconds() - int64_t(1e9 * needed));
}

}  // namespace tubecam
