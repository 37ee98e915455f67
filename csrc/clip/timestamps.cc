#include "clip/timestamps.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr int64_t kMaxPts = int64_t{1} << 62;
constexpr int kSmoothFrames = 64;
constexpr int kMemory = 64;  // frames

// Gains of an alpha–beta filter that gives the line of least squares through its first n values,
// and then forgets (Benedict and Bordner 1962 damp it thus: beta = alpha²/(2 − alpha)).
double alpha(int n) { return std::max(1.0 / 16, 2.0 * (2 * n - 1) / (n * (n + 1.0))); }
double beta(int n) { return std::max(1.0 / 496, 6 / (n * (n + 1.0))); }

void append(std::string* text, uint64_t count, const char* what) {
  if (count == 0) return;
  *text += (text->empty() ? "" : ", ") + std::to_string(count) + " " + what;
}

}  // namespace

std::string describe(const TimestampFaults& faults) {
  std::string uneven, text;
  append(&uneven, faults.missing, "missing");
  append(&uneven, faults.repeated, "repeated");
  append(&uneven, faults.late, "stepping back");
  if (!uneven.empty()) text = uneven + " (frames are spaced by their interval instead)";
  append(&text, faults.jumps, "far from the frame before (windows start over)");
  return text.empty() ? "" : "Faulty timestamps: " + text;
}

TimestampRepair::TimestampRepair(int64_t interval, int64_t jump) : jump_(jump) {
  check(jump > 0, ErrorCode::kUsage, "the least jump is ", jump, " ns; it must be above 0");
  set_interval(interval);
}

void TimestampRepair::set_interval(int64_t interval) {
  check(interval >= 0, ErrorCode::kUsage, "the interval between frames is ", interval,
        " ns; it must be 0 (unknown) or more");
  interval_ = static_cast<double>(interval);
  known_ = interval > 0 ? kMemory : 0;
}

void TimestampRepair::restart(int64_t origin) {
  check(origin >= 0 && origin <= kMaxPts, ErrorCode::kUsage, "the stream's start ", origin,
        " ns is outside 0 to 2^62");
  origin_ = origin;
  stated_.reset();
  time_.reset();
  smoothing_ = 0;
}

std::optional<int64_t> TimestampRepair::next(std::optional<int64_t> pts) {
  ++since_;
  known_ = std::min(known_ + 1, kMemory);
  if (!pts || *pts < 0 || *pts > kMaxPts) {
    ++faults_.missing;
    return advance();
  }
  if (pts == stated_) {
    ++faults_.repeated;
    return interval_ > 0 ? advance() : time_;
  }
  const bool jump = time_ && jumps(*pts);
  const bool late = stated_ && !jump && *pts < *stated_;
  faults_.jumps += jump;
  faults_.late += late;
  if (jump) smoothing_ = 0;
  if (late) smoothing_ = kSmoothFrames;
  time_ = !time_ || jump ? *pts : smoothing_ > 0 ? smooth(*pts) : believe(*pts);
  stated_ = pts;
  since_ = 0;
  return time_;
}

bool TimestampRepair::jumps(int64_t pts) const {
  const int64_t ahead = pts - *time_;
  if (ahead >= 0) return ahead > jump_;
  const bool known = interval_ > 0;
  return -ahead > (known ? std::min<int64_t>(jump_, std::llround(8 * interval_)) : jump_ / 4);
}

std::optional<int64_t> TimestampRepair::advance() {
  if (interval_ <= 0) return std::nullopt;
  return time_ = time_ ? std::min<int64_t>(*time_ + std::llround(interval_), kMaxPts) : origin_;
}

int64_t TimestampRepair::believe(int64_t pts) {
  if (stated_) {
    const double interval = static_cast<double>(pts - *stated_) / since_;
    const double gain = interval_ > 0 ? std::max(1.0 / 16, 1.0 / known_) : 1;
    interval_ += (interval - interval_) * gain;
  }
  return std::max(pts, *time_);
}

int64_t TimestampRepair::smooth(int64_t pts) {
  --smoothing_;
  const double error = static_cast<double>(pts - *time_) - interval_;
  const int64_t time = *time_ + std::llround(interval_ + alpha(known_) * error);
  interval_ = std::max(interval_ + beta(known_) * error, 0.0);
  return std::max(time, *time_);
}

}  // namespace tubecam
