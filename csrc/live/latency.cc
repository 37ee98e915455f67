#include "live/latency.h"

#include <cmath>
#include <cstdlib>

namespace tubecam {
namespace {

constexpr double kHeadroom = 1.25;
constexpr int64_t kMillisecond = 1000000;
constexpr int64_t kNoise = 2 * kMillisecond;

int64_t with_headroom(double fixed, double measured) {
  return static_cast<int64_t>(std::ceil((fixed + kHeadroom * measured) * 1e3)) * kMillisecond;
}

}  // namespace

void LatencyShare::set(double fixed, double measured) {
  published_ = with_headroom(fixed, measured);
}

bool LatencyShare::update(double fixed, double measured) {
  const int64_t published = published_, now = with_headroom(fixed, measured);
  if (std::abs(now - published) <= kNoise) return false;
  const bool exceeded = static_cast<int64_t>((fixed + measured) * 1e9) > published;
  const bool drifted = 4 * std::abs(now - published) > published;
  if (!exceeded && !drifted) return false;
  published_ = now;
  return true;
}

}  // namespace tubecam
