// One stream: frames go in, and each gets its explanation. The element adds what is GStreamer's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"
#include "clip/clip_window.h"
#include "live/aligner.h"
#include "live/explain_worker.h"
#include "live/latency.h"
#include "live/policies.h"
#include "live/stream_counts.h"

namespace tubecam {

// For one thread (the streaming thread), but for what is marked.
class LiveWindows {
 public:
  using ExplanationPtr = Aligner::ExplanationPtr;

  struct Options {
    Align align = Align::kLatest;
    int hop = 4;
    double inference_seconds = 0;  // measured beforehand: the first figure for the latency
    double sample_fps = 0;         // sampled frames a second; 0: as the spec states
    // Where clips are best, asked at each frame: the window moves there, and starts over.
    std::function<Device()> device = [] { return Device{}; };
    // Called when a GPU failed here. True: from now on `device` names another.
    std::function<bool(const Error&)> fall_back_to_cpu = [](const Error&) { return false; };
  };

  LiveWindows(const ClipSpec& spec, const Options& options, ExplainWorker::Explain explain,
              ExplainWorker::Listener listener);

  // Takes a frame, once: preprocesses it and, when a window is complete, hands that to inference.
  // context: is found again in this window's Outcome. Throws what ClipWindow::push throws, but for
  // a GPU that fails and is given up: the frame then begins a window elsewhere.
  FramePlace push(const Frame& frame, int64_t pts, ExplainWorker::WhenFull when_full,
                  const std::shared_ptr<const void>& context = nullptr);

  // Whether nothing better will come for this frame; always so with Align::kLatest.
  bool ready(const FramePlace& place);
  ExplanationPtr explanation(const FramePlace& place);  // what there is for it now, or null

  // The stream has ended: where it has no window at all, what has come makes a padded one.
  void pad(Padding padding, const std::shared_ptr<const void>& context);

  void end_segment();  // a seek, a new segment, lost data: no window spans it
  void finish();       // waits for what is being explained; every frame so far is ready then
  void restart();      // after cancel(): nothing from before remains
  void set_hop(int hop) { window_.set_hop(hop), hop_ = hop; }

  // Any thread may cancel: it wakes push() and finish() and forgets what is on its way.
  void cancel() { worker_.cancel(); }

  // The longest that a frame waits with Align::kDelayed until its window is complete.
  double hold_seconds() const;
  // Measures one frame's work and how long the frame stays. True when the pipeline needs a new
  // latency.
  bool measure(double work_seconds, double frame_seconds);
  const LatencyShare& latency() const { return latency_; }  // any thread
  int64_t spare(int64_t frame_duration) const;  // ns of the latency that were not needed lately
  StreamCounts counts() const { return count_.get(); }  // any thread
  StreamCounter& count() { return count_; }
  int slots_missing() const { return window_.slots_missing(); }

 private:
  void collect();
  double hop_seconds() const { return hop_ / window_.spec().sample_fps; }
  void expect(double inference_seconds);
  void note_taken(const Window& window);
  bool take(const Frame& frame, int64_t pts);
  void submit(ExplainWorker::WhenFull when_full, const std::shared_ptr<const void>& context);
  double fixed_seconds(double frame_seconds) const;
  double measured_seconds() const;

  const Align align_;
  const std::function<Device()> device_;
  const std::function<bool(const Error&)> fall_back_to_cpu_;
  ClipWindow window_;
  Aligner aligner_;
  int hop_;
  uint64_t next_id_ = 0, segment_ = 0, window_resets_ = 0;
  bool fresh_ = true;     // no frame of this segment has come yet
  bool started_ = false;  // a frame has come at all
  bool closed_ = false;   // finish() came after the newest frame
  double preprocess_ms_ = 0;
  PeakMeter work_{0.998}, turnaround_{0.98};
  PeakMeter spacing_{0.98};  // from one window that is explained to the next, seconds of the stream
  std::optional<FramePlace> taken_;  // the middle of the newest such window
  LatencyShare latency_;
  StreamCounter count_;
  ExplainWorker worker_;  // the last member: its thread is joined before the rest goes
};

}  // namespace tubecam
