#include "clip/clip_window.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tubecam {

namespace {

constexpr double kSecond = 1e9;  // ns
constexpr int64_t kMaxPts = int64_t(1) << 62;

}  // namespace

int64_t gap_limit(const ClipSpec& spec, double max_gap) {
  check(max_gap > 0 && max_gap <= 60, ErrorCode::kUsage, "max_gap is ", max_gap,
        " s; it must be above 0 and at most 60");
  return std::llround(std::max(max_gap, 2 / spec.sample_fps) * kSecond);
}

Rect Window::relative_source() const {
  const double width = std::max(1, frame_width), height = std::max(1, frame_height);
  return {source.x / width, source.y / height, source.width / width, source.height / height};
}

int Window::frames() const {
  int count = pts.empty() ? 0 : 1;
  for (size_t i = 1; i < own_frames(); ++i) count += pts[i] != pts[i - 1];
  return count;
}

bool Window::is_sparse() const { return 5 * size_t(frames()) < 4 * own_frames(); }

size_t Window::own_frames() const { return pts.size() - size_t(sampling.padded); }

ClipWindow::ClipWindow(const ClipSpec& spec, int hop, double max_gap, Device device)
    : spec_(spec),
      stated_fps_(spec.sample_fps),
      device_(device),
      ring_(make_frame_ring(spec, device)),
      max_gap_(gap_limit(spec, max_gap)),
      times_(spec.length) {
  window_.pts.resize(spec.length);
  reset();
  set_hop(hop);
}

void ClipWindow::reset() {
  filled_ = 0;
  due_ = spec_.length;
  newest_ = -1;
  window_.sampling = {spec_.sample_fps, stated_fps_, Padding::kNone, 0};
  ++window_.segment;
}

void ClipWindow::sample_at(double fps, double max_gap) {
  ClipSpec spec = spec_;
  spec.sample_fps = fps;
  check_clip_spec(spec);
  spec_ = spec;
  max_gap_ = gap_limit(spec_, max_gap);
  reset();
}

void ClipWindow::move_to(Device device) {
  ring_ = make_frame_ring(spec_, device);
  device_ = device;
  if (newest_ >= 0) ++resets_;
  reset();
}

void ClipWindow::set_hop(int hop) {
  check(hop >= 1 && hop <= spec_.length, ErrorCode::kUsage, "hop is ", hop,
        " slices; it must lie in 1 to ", spec_.length, ", the clip's length");
  hop_ = hop;
  due_ = std::max<int64_t>(spec_.length, std::min(due_, filled_ + hop));
}

int ClipWindow::slots_missing() const { return int(std::max<int64_t>(0, spec_.length - filled_)); }

bool ClipWindow::push(const Frame& frame, int64_t pts) {
  check_frame(frame);
  if (device_.type == DeviceType::kCuda) device_for(frame, device_);
  check(pts >= 0 && pts <= kMaxPts, ErrorCode::kUsage, "presentation time ", pts,
        " ns is outside 0 to 2^62; is it missing?");
  if (window_.sampling.padded > 0) reset();  // a padded window is its video's last
  if (newest_ >= 0 && !continues(frame, pts)) {
    reset();
    ++resets_;
  }
  if (newest_ < 0) base_ = pts;
  const int64_t due = slots_due(pts);
  newest_ = std::max(newest_, pts);
  last_ = frame;
  last_.plane = {};  // it outlives the pixels
  if (due <= filled_) return false;
  fill(frame, pts, due);
  return complete_window();
}

bool ClipWindow::continues(const Frame& frame, int64_t pts) const {
  return same_size(frame, last_) && same_colours(frame, last_) && pts - newest_ <= max_gap_ &&
         newest_ - pts <= slot_pts(1) - base_;
}

int64_t ClipWindow::slot_pts(int64_t slot) const {
  return base_ + std::llround(double(slot) * kSecond / spec_.sample_fps);
}

// How many slots are to be filled once a frame of this time has come.
int64_t ClipWindow::slots_due(int64_t pts) const {
  if (newest_ < 0) return 1;
  const int64_t interval = std::min(pts - newest_, slot_pts(1) - base_);
  if (interval <= 0) return filled_;
  int64_t end = filled_;
  while (slot_pts(end) <= pts + interval / 2) ++end;
  return end;
}

// Fills slots filled_ … end−1.
void ClipWindow::fill(const Frame& frame, int64_t pts, int64_t end) {
  const Rect source = spec_.source_rect(frame.width, frame.height);
  const int64_t first = std::max(filled_, end - spec_.length);
  ring_->fill(frame, source, first, end);
  for (int64_t slot = first; slot < end; ++slot) times_[slot % spec_.length] = pts;
  filled_ = end;
  window_.source = source;
  window_.frame_width = frame.width;
  window_.frame_height = frame.height;
}

bool ClipWindow::pad(Padding padding) {
  const int64_t length = spec_.length, filled = filled_;
  if (padding == Padding::kNone || filled == 0 || filled >= length) return false;
  const int64_t again = period();
  for (int64_t slot = filled; slot < length; ++slot) {
    const int64_t from = padding == Padding::kLast ? filled - 1 : slot % filled;
    ring_->copy(from, slot);
    times_[slot] = times_[from] + (padding == Padding::kLast ? 0 : slot / filled * again);
  }
  filled_ = length;
  window_.sampling.padding = padding;
  window_.sampling.padded = int(length - filled);
  return complete_window();
}

int64_t ClipWindow::period() const { return slot_pts(filled_) - base_; }

int64_t Window::folded(int64_t time) const {
  if (sampling.padding != Padding::kLoop) return time;
  const size_t shown = pts.size() - size_t(sampling.padded);
  const int64_t since = (time - pts[0]) % (pts[shown] - pts[0]);
  return std::min(pts[0] + since, pts[shown - 1]);
}

bool ClipWindow::complete_window() {
  if (filled_ < due_) return false;
  due_ += ((filled_ - due_) / hop_ + 1) * hop_;
  const auto oldest = times_.begin() + filled_ % spec_.length;
  std::rotate_copy(times_.begin(), oldest, times_.end(), window_.pts.begin());
  window_.sequence = windows_++;
  return true;
}

// The oldest slot, filled_ − T, has the place of slot filled_.
void ClipWindow::copy_to(const TensorView& clip) const { ring_->copy_to(filled_, clip); }

void ClipWindow::copy_to(float* clip) const { ring_->copy_to(filled_, clip); }

}  // namespace tubecam
