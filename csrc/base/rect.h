// A part of a picture.
#pragma once

namespace tubecam {

// A rectangle in frame pixels; edges, not centres: the whole frame is {0, 0, width, height}.
struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
};

constexpr double kMaxCoordinate = 1e8;  // pixels, of whatever lies in or beside a picture

inline bool operator==(const Rect& a, const Rect& b) {
  return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
}

}  // namespace tubecam
