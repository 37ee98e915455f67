#include "live/aligner.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace tubecam {

int64_t Aligner::Entry::distance(int64_t pts) const { return std::abs(middle() - pts); }

Aligner::Entry* Aligner::find(uint64_t id) {
  for (Entry& entry : windows_) {
    if (entry.id == id) return &entry;
  }
  return nullptr;  // forgotten meanwhile
}

void Aligner::add(uint64_t id, uint64_t segment, int64_t first, int64_t last) {
  windows_.push_back({id, segment, first, last, State::kPending, nullptr});
}

void Aligner::explained(uint64_t id, ExplanationPtr explanation) {
  if (Entry* entry = find(id)) {
    entry->state = State::kExplained;
    entry->explanation = std::move(explanation);
  }
}

void Aligner::dropped(uint64_t id) {
  if (Entry* entry = find(id)) entry->state = State::kDropped;
}

void Aligner::failed(uint64_t id) {
  if (Entry* entry = find(id)) entry->state = State::kFailed;
}

Aligner::ExplanationPtr Aligner::latest(const FramePlace& place, int64_t max_age) const {
  for (auto entry = windows_.rbegin(); entry != windows_.rend(); ++entry) {
    if (entry->segment != place.segment) return nullptr;
    if (!entry->over()) continue;
    return place.pts - entry->last <= max_age ? entry->explanation : nullptr;
  }
  return nullptr;
}

const Aligner::Entry* Aligner::best(const FramePlace& place) const {
  const Entry* best = nullptr;
  for (const Entry& entry : windows_) {
    if (entry.segment != place.segment || !entry.over()) continue;
    // Half a window on each side of its middle is the window itself; half more is the
    // neighbourhood.
    if (entry.distance(place.pts) > entry.last - entry.first) continue;
    if (!best || entry.distance(place.pts) < best->distance(place.pts)) best = &entry;
  }
  return best;
}

bool Aligner::settled(const FramePlace& place, bool closed) const {
  const Entry* chosen = best(place);
  bool passed = closed;
  for (const Entry& entry : windows_) {
    if (entry.segment != place.segment) continue;
    if (entry.middle() >= place.pts) passed = true;  // later windows suit the frame less
    const bool closer = !chosen || entry.distance(place.pts) < chosen->distance(place.pts);
    if (entry.state == State::kPending && closer) return false;
  }
  return passed;
}

Aligner::ExplanationPtr Aligner::central(const FramePlace& place) const {
  const Entry* chosen = best(place);
  return chosen ? chosen->explanation : nullptr;
}

void Aligner::forget_before(const FramePlace& place) {
  uint64_t keep = 0;  // the last window that is over and whose middle the frame has reached
  for (const Entry& entry : windows_) {
    const bool reached = entry.segment == place.segment && entry.middle() <= place.pts;
    if (reached && entry.over()) keep = entry.id;
  }
  const auto useless = [&](const Entry& entry) {
    if (entry.segment != place.segment) return entry.segment < place.segment;
    const bool reached = entry.middle() <= place.pts;
    return entry.id < keep || (reached && entry.state == State::kDropped);
  };
  windows_.erase(std::remove_if(windows_.begin(), windows_.end(), useless), windows_.end());
}

}  // namespace tubecam
