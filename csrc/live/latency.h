// What an element adds to the pipeline's latency: measured, with headroom, published again only
// when it has changed.
#pragma once

#include <atomic>
#include <cstdint>

namespace tubecam {

// The recent maximum of a duration: up at once, down slowly.
class PeakMeter {
 public:
  // decay: share of the peak that is kept from sample to sample.
  explicit PeakMeter(double decay) : decay_(decay) {}
  void sample(double seconds) { peak_ = seconds > peak_ * decay_ ? seconds : peak_ * decay_; }
  double seconds() const { return peak_; }

 private:
  double decay_;
  double peak_ = 0;
};

// The figure that LATENCY queries are answered with. Read by any thread, written by one.
class LatencyShare {
 public:
  int64_t nanoseconds() const { return published_; }

  // fixed: seconds that follow from the settings. measured: seconds of work, which get a quarter of
  // headroom.
  void set(double fixed, double measured);
  // Does so when the last figure is exceeded, or off by more than a quarter; true then: the
  // pipeline has to hear of it. Changes of up to 2 ms are noise.
  bool update(double fixed, double measured);

 private:
  std::atomic<int64_t> published_{0};
};

}  // namespace tubecam
