// The streaming thread's part of `tubecam`: buffers in, buffers with explanations out, in order,
// none lost.
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <memory>
#include <optional>
#include <string>

#include "clip/timestamps.h"
#include "plugin/elements/hold_queue.h"
#include "plugin/elements/session.h"
#include "plugin/memory/frame_map.h"
#include "plugin/messages/messages.h"
#include "plugin/messages/stall_watch.h"
#include "plugin/messages/stream_report.h"

namespace tubecam {

// Note [Pace]
// When a window is explained, all the frames that waited for it are ready at once. A sink that
// renders in time would take them one by one, and hold up the thread that brings the next window's
// frames, so that these come too late. So each frame of a live source that waits for its
// explanation goes shortly before the published latency is over: a frame's time, and half of
// what was published as headroom. The thread is hardly held up, and no queue is needed behind this
// element.
class FrameStream {
 public:
  // element: its pads are pushed on and asked, its bus hears the warnings. All three outlive this.
  FrameStream(GstBaseTransform* element, Session* session, const Settings& settings,
              RateLimit* warnings);

  // Throws Error: kinds of memory that cannot be read here, or not with these settings.
  void set_caps(GstCaps* caps);
  void set_segment(const GstSegment& segment);

  void accept(GstBuffer* buffer, const Settings& settings);  // takes ownership
  GstBuffer* next();           // the next frame that may go, or null; pushes the events before it
  void hold(GstEvent* event);  // behind the frames that wait; takes ownership
  bool holds() const { return !held_.empty(); }

  void pad();    // at the end: a window of a stream that is shorter than one
  void drain();  // waits for inference and pushes everything
  void flush();  // forgets everything
  void end_segment();
  void note_gap();         // one that is announced is no fault
  void report_counts();    // all that was wrong with the stream so far
  void warn_when_short();  // at the end: a warning when no window was ever complete
  bool gap_is_long(GstClockTime end) const;

 private:
  std::optional<int64_t> time_of(GstBuffer* buffer);
  std::optional<FramePlace> place(GstBuffer* buffer, const Settings& settings);
  ExplainWorker::WhenFull when_full(const Settings& settings);
  bool is_due(const FramePlace& place);
  bool may_go(const HeldItem& item);
  std::string why_early(HoldQueue::Limit limit) const;
  GstBuffer* decorate(const HeldItem& item);  // takes ownership of its buffer
  void measure(double seconds);
  void warn(const std::string& text);
  bool source_is_live();

  struct FieldsDeleter {
    void operator()(GstStructure* fields) const { gst_structure_free(fields); }
  };

  GstBaseTransform* const element_;
  Session* const session_;
  LiveWindows& windows_;
  RateLimit* const warnings_;
  const Align align_;
  const Padding padding_;
  const Device device_;
  float threshold_ = 0.5f;
  uint64_t max_held_bytes_;
  int hop_;
  GstVideoInfo info_;
  std::unique_ptr<FrameMapper> mapper_;
  int64_t frame_duration_ = 0;  // ns, 0 = unknown
  std::shared_ptr<const GstSegment> segment_;
  std::optional<bool> live_;
  HoldQueue held_;
  std::unique_ptr<StallWatch> watch_;  // with Align::kDelayed
  TimestampRepair repair_;
  int64_t newest_pts_ = -1;
  StreamReport report_;
  std::string early_;  // why frames went before their explanation
  bool frames_came_ = false, untimed_reported_ = false, drains_ = false;
  double work_seconds_ = 0;  // since the last measure()
  LiveWindows::ExplanationPtr described_;
  std::unique_ptr<GstStructure, FieldsDeleter> fields_;  // of described_
};

}  // namespace tubecam
