// Notices frames that wait for others which cannot come.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <memory>

namespace tubecam {

// Note [Full queues]
// With align=delayed the frames of over a window go in before the first comes out. Behind a tee
// they do so only while the other branches take them too. A branch whose queue is full by then
// stops the tee, and where its sink waits for the other one, the pipeline stands for ever without
// an error. So, when frames are held and nothing has come for three seconds, a full queue in
// another branch is looked for, and warned of once.
class StallWatch {
 public:
  explicit StallWatch(GstElement* element);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  // Streaming thread: all has been done with what came. frames: that are held. seconds: that have
  // to come until the first may go.
  void wait_for_input(size_t frames, double seconds);
  void input_came() { state_->since = 0; }

 private:
  struct State {
    GstElement* element = nullptr;  // a reference
    std::atomic<gint64> since{0};   // µs, monotonic; 0: nothing is waited for
    std::atomic<size_t> frames{0};
    std::atomic<double> seconds{0};
    std::atomic<bool> warned{false};

    ~State() { gst_object_unref(element); }
  };
  static gboolean check(GstClock* clock, GstClockTime time, GstClockID id, gpointer state);

  std::shared_ptr<State> state_;  // shared with check(), on the clock's thread
  GstClockID timer_ = nullptr;
};

}  // namespace tubecam
