#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "overlay/caption/cached_overlay.h"
#include "overlay/caption/caption.h"
#include "overlay/caption/caption_draw.h"
#include "overlay/caption/caption_words.h"

namespace tubecam {
namespace {

// Where the strip lies in the frame.
struct StripPlace {
  explicit StripPlace(const Frame& frame) {
    const Metrics metrics(frame);
    margin = metrics.margin;
    inset = std::max(2.0, 0.12 * metrics.line);
    width = even(frame.width - 2 * margin - 1);
    height = even(std::max(14.0, 1.15 * metrics.line));
    y = std::max(0, even(frame.height - margin - height - 1));
  }
  int margin, width, height, y;
  double inset;  // of the curve within the backing
};

float unit(float value) { return value > 0 ? std::min(value, 1.0f) : 0.0f; }  // NaN → 0

// What the strip's picture shows.
struct Strip {
  std::vector<float> values, motion;  // 0…1
  std::vector<int> key_frames;
  ColorMap color_map{};
  bool operator==(const Strip& other) const {
    return values == other.values && motion == other.motion && key_frames == other.key_frames &&
           color_map == other.color_map;
  }
};

// Values at x in 0…1, linear between them.
float strip_at(const std::vector<float>& strip, double x) {
  const double place = x * (strip.size() - 1);
  const size_t low = std::min(static_cast<size_t>(place), strip.size() - 1);
  const size_t high = std::min(low + 1, strip.size() - 1);
  const float t = static_cast<float>(place - low);
  return (1 - t) * unit(strip[low]) + t * unit(strip[high]);
}

// How much of row y a column from `top` to `bottom` covers.
double coverage(int y, double top, double bottom) {
  return std::clamp(std::min(y + 1.0, bottom) - std::max<double>(y, top), 0.0, 1.0);
}

uint32_t mix_pixel(uint32_t below, const std::array<uint8_t, 3>& rgb, double opacity) {
  uint32_t result = 0;
  const double color[4] = {double(rgb[2]), double(rgb[1]), double(rgb[0]), 255};
  for (int c = 0; c < 4; ++c) {
    const double value = (below >> (8 * c) & 255) * (1 - opacity) + color[c] * opacity;
    result |= static_cast<uint32_t>(value + 0.5) << (8 * c);
  }
  return result;
}

// The curve's columns, each in its value's colour, under a light edge: the dark end of a colour map
// would vanish on the backing. Written pixel by pixel: a path a column takes Cairo ten times
// longer.
void fill_curve(cairo_surface_t* picture, const StripPlace& place, const Strip& strip,
                double edge) {
  cairo_surface_flush(picture);
  auto* pixels = reinterpret_cast<uint32_t*>(cairo_image_surface_get_data(picture));
  const int stride = cairo_image_surface_get_stride(picture) / 4;
  const int left = static_cast<int>(place.inset), width = place.width - 2 * left;
  const double bottom = place.height - place.inset, full = place.height - 2 * place.inset;
  for (int i = 0; i < width; ++i) {
    const float value = strip_at(strip.values, (i + 0.5) / width);
    const auto rgb = strip.motion.empty()
                         ? color_table(strip.color_map)[std::lround(value * 255)]
                         : motion_color(0.8f, strip_at(strip.motion, (i + 0.5) / width));
    const double top = bottom - std::max(edge, value * full);
    for (int y = static_cast<int>(top); y < std::min<double>(bottom, place.height); ++y) {
      uint32_t& pixel = pixels[y * stride + left + i];
      pixel = mix_pixel(pixel, rgb, 0.95 * coverage(y, top, bottom));
      pixel = mix_pixel(pixel, {255, 255, 255}, 0.55 * coverage(y, top, top + edge));
    }
  }
  cairo_surface_mark_dirty(picture);
}

// A white triangle that points at each key frame from above.
void mark_key_frames(cairo_t* cairo, const StripPlace& place, const Strip& strip) {
  const double half = std::max(3.0, 0.14 * place.height);
  const double last = std::max<double>(1, strip.values.size() - 1.0);
  for (const int key : strip.key_frames) {
    const double x =
        place.inset + (place.width - 2 * place.inset) * std::clamp(key / last, 0.0, 1.0);
    cairo_move_to(cairo, x - half, 0);
    cairo_line_to(cairo, x + half, 0);
    cairo_line_to(cairo, x, 1.5 * half);
    cairo_close_path(cairo);
  }
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_fill_preserve(cairo);
  cairo_set_source_rgba(cairo, 0, 0, 0, 0.7);
  cairo_set_line_width(cairo, 1);
  cairo_stroke(cairo);
}

// A filled curve over time on a dark backing with a thin frame.
Surface draw_strip(const Strip& strip, const Frame& frame) {
  const StripPlace place(frame);
  const Metrics metrics(frame);
  const double line = std::max(1.0, metrics.line / 40);
  Surface picture = new_picture(place.width, place.height);
  const Context cairo(cairo_create(picture.get()));
  draw_backing(cairo.get(), place.width, place.height, metrics.radius);
  fill_curve(picture.get(), place, strip, line);
  rounded_rectangle(cairo.get(), line / 2, line / 2, place.width - line, place.height - line,
                    metrics.radius);
  cairo_set_line_width(cairo.get(), line);
  cairo_set_source_rgba(cairo.get(), 1, 1, 1, 0.35);
  cairo_stroke(cairo.get());
  mark_key_frames(cairo.get(), place, strip);
  return picture;
}

// A white needle with dark sides: seen on any colour of the strip.
Surface draw_marker(const Frame& frame) {
  const StripPlace place(frame);
  const double line = std::max(2.0, std::round(Metrics(frame).line / 14));
  const int width = even(3 * line);
  Surface picture = new_picture(width, place.height);
  const Context cairo(cairo_create(picture.get()));
  cairo_set_source_rgba(cairo.get(), 0, 0, 0, 0.6);
  rounded_rectangle(cairo.get(), width / 2.0 - line, 0, 2 * line, place.height, line);
  cairo_fill(cairo.get());
  cairo_set_source_rgb(cairo.get(), 1, 1, 1);
  rounded_rectangle(cairo.get(), width / 2.0 - line / 2, line / 2, line, place.height - line, line);
  cairo_fill(cairo.get());
  return picture;
}

bool same_canvas(const Frame& a, const Frame& b) { return same_size(a, b) && same_colours(a, b); }

// The pictures of one caption, made again when it or the canvas changes.
struct CachedCaption {
  void draw_words(const Frame& frame, const Caption& caption, ColorMap color_map);
  void draw_strip(const Frame& frame, const Caption& caption, ColorMap color_map);

  Frame canvas;  // what the cached overlays were made for
  Words words;
  Strip strip;
  CachedOverlay cached_words, cached_strip, cached_marker;
};

void CachedCaption::draw_words(const Frame& frame, const Caption& caption, ColorMap map) {
  Words wanted = words_of(caption, map);
  if (wanted.empty()) return;
  const int margin = Metrics(frame).margin;
  const int end = caption.strip.empty() ? frame.height : StripPlace(frame).y;
  wanted.room = end - 3 * margin / 2;
  if (cached_words.empty() || !(wanted == words)) {
    words = std::move(wanted);
    const Surface picture = tubecam::draw_words(words, frame);
    cached_words = {};
    if (!picture) return;
    cached_words.build(picture.get(), frame);
  }
  cached_words.draw(frame, margin, margin);
}

void CachedCaption::draw_strip(const Frame& frame, const Caption& caption, ColorMap map) {
  if (caption.strip.empty()) return;
  // NaN differs from itself; it is drawn as 0.
  Strip wanted;
  for (const float value : caption.strip) wanted.values.push_back(unit(value));
  for (const float share : caption.strip_motion) wanted.motion.push_back(unit(share));
  wanted.key_frames = caption.key_frames;
  wanted.color_map = map;
  if (cached_strip.empty() || !(wanted == strip)) {
    strip = std::move(wanted);
    cached_strip.build(tubecam::draw_strip(strip, frame).get(), frame);
  }
  const StripPlace place(frame);
  cached_strip.draw(frame, place.margin, place.y);
  if (!std::isfinite(caption.strip_now)) return;
  if (cached_marker.empty()) cached_marker.build(draw_marker(frame).get(), frame);
  const double inner = place.width - 2 * place.inset;
  const double x = place.margin + place.inset + std::clamp(caption.strip_now, 0.0, 1.0) * inner;
  cached_marker.draw(frame, std::max(0, even(x - 2 * Metrics(frame).line / 14)), place.y);
}

class PangoDrawer : public CaptionDrawer {
 public:
  void draw(const Frame& frame, const Caption& caption, ColorMap color_map) override {
    if (!same_canvas(frame, cached_.canvas)) {
      cached_ = {};
      cached_.canvas = frame;
    }
    cached_.draw_words(frame, caption, color_map);
    cached_.draw_strip(frame, caption, color_map);
  }

 private:
  CachedCaption cached_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::CaptionDrawer* tubecam_make_caption_drawer() {
  return new tubecam::PangoDrawer;
}
