#include "overlay/caption.h"

#include <pango/pangocairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "overlay/sticker.h"

namespace tubecam {
namespace {

constexpr size_t kMaxTextBytes = 400;           // more never fits
constexpr int kMinWidth = 48, kMinHeight = 32;  // smaller frames carry no text

template <typename T, void (*kFree)(T*)>
struct Deleter {
  void operator()(T* object) const { kFree(object); }
};
using Surface = std::unique_ptr<cairo_surface_t, Deleter<cairo_surface_t, cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, Deleter<cairo_t, cairo_destroy>>;
using Font = std::unique_ptr<PangoFontDescription,
                             Deleter<PangoFontDescription, pango_font_description_free>>;
struct LayoutDeleter {
  void operator()(PangoLayout* layout) const { g_object_unref(layout); }
};
using Layout = std::unique_ptr<PangoLayout, LayoutDeleter>;

int even(double value) { return 2 * static_cast<int>(std::ceil(value / 2)); }

// All lengths follow from the height of a line.
struct Metrics {
  explicit Metrics(const Frame& frame)
      : line(std::max(12.0, frame.height / 18.0)),
        margin(even(0.4 * line)),
        padding(0.36 * line),
        radius(0.22 * line) {}
  double line;
  int margin;      // from the frame's edge
  double padding;  // inside a backing
  double radius;
};

Surface new_picture(int width, int height) {
  return Surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height));
}

void rounded_rectangle(cairo_t* cairo, double x, double y, double width, double height,
                       double radius) {
  const double r = std::min({radius, width / 2, height / 2});
  cairo_new_sub_path(cairo);
  cairo_arc(cairo, x + width - r, y + r, r, -G_PI_2, 0);
  cairo_arc(cairo, x + width - r, y + height - r, r, 0, G_PI_2);
  cairo_arc(cairo, x + r, y + height - r, r, G_PI_2, G_PI);
  cairo_arc(cairo, x + r, y + r, r, G_PI, 3 * G_PI_2);
  cairo_close_path(cairo);
}

// Dark enough for white text over white video, and still lets the scene through.
void draw_backing(cairo_t* cairo, double width, double height, double radius) {
  rounded_rectangle(cairo, 0, 0, width, height, radius);
  cairo_set_source_rgba(cairo, 0.04, 0.05, 0.07, 0.66);
  cairo_fill(cairo);
}

std::string valid_utf8(const std::string& text) {
  const size_t size = std::min(text.size(), kMaxTextBytes);
  char* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(size));
  std::string result(valid);
  g_free(valid);
  return result;
}

// One line of text with its extent in pixels.
struct Text {
  Text(cairo_t* cairo, const std::string& text, double pixels, PangoWeight weight,
       double max_width) {
    layout.reset(pango_cairo_create_layout(cairo));
    Font font(pango_font_description_from_string("Sans"));
    pango_font_description_set_absolute_size(font.get(), pixels * PANGO_SCALE);
    pango_font_description_set_weight(font.get(), weight);
    pango_layout_set_font_description(layout.get(), font.get());
    pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
    pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
    pango_layout_get_pixel_size(layout.get(), &width, &height);
    if (width <= max_width) return;
    width = std::max(1, static_cast<int>(max_width));
    pango_layout_set_width(layout.get(), width * PANGO_SCALE);
  }
  int baseline() const { return pango_layout_get_baseline(layout.get()) / PANGO_SCALE; }
  void draw(cairo_t* cairo, double x, double y) const {
    cairo_move_to(cairo, x, y);
    pango_cairo_show_layout(cairo, layout.get());
  }

  Layout layout;
  int width = 0, height = 0;
};

struct Words {
  std::string label, score, note;
  bool legend = false, of_flow = false;
  bool operator==(const Words& other) const {
    return label == other.label && score == other.score && note == other.note &&
           legend == other.legend && of_flow == other.of_flow;
  }
  bool empty() const { return label.empty() && note.empty() && !legend; }
};

// From what is still to what moves, or from what a model saw in the picture to what it saw in the
// flow: the two words with a bar of hue between them.
class Legend {
 public:
  Legend(cairo_t* cairo, bool of_flow, double line, double room)
      : still_(cairo, of_flow ? "picture" : "still", std::max(9.0, 0.44 * line),
               PANGO_WEIGHT_NORMAL, room),
        moving_(cairo, of_flow ? "flow" : "moving", std::max(9.0, 0.44 * line), PANGO_WEIGHT_NORMAL,
                room),
        gap_(0.25 * line),
        bar_(2.8 * line) {}
  double width() const { return still_.width + moving_.width + bar_ + 2 * gap_; }
  int height() const { return still_.height; }
  void draw(cairo_t* cairo, double x, double y) const {
    still_.draw(cairo, x, y);
    const double left = x + still_.width + gap_, height = 0.5 * still_.height;
    cairo_pattern_t* hues = cairo_pattern_create_linear(left, 0, left + bar_, 0);
    for (const double motion : {0.0, 0.5, 1.0}) {
      const auto rgb = motion_color(0.8f, static_cast<float>(motion));
      cairo_pattern_add_color_stop_rgb(hues, motion, rgb[0] / 255.0, rgb[1] / 255.0,
                                       rgb[2] / 255.0);
    }
    moving_.draw(cairo, left + bar_ + gap_, y);
    rounded_rectangle(cairo, left, y + 0.27 * still_.height, bar_, height, 0.3 * height);
    cairo_set_source(cairo, hues);
    cairo_fill(cairo);
    cairo_pattern_destroy(hues);
  }

 private:
  Text still_, moving_;
  double gap_, bar_;
};

// Label and score on one baseline, below them, smaller, the note and the legend.
Surface draw_words(const Words& words, const Frame& frame) {
  const Metrics metrics(frame);
  const double room = frame.width - 2 * (metrics.margin + metrics.padding);
  const double size = std::max(10.5, 0.66 * metrics.line), gap = 0.45 * metrics.line;
  const Surface probe = new_picture(2, 2);
  const Context measure(cairo_create(probe.get()));
  const Text score(measure.get(), words.score, size, PANGO_WEIGHT_NORMAL, room);
  const double score_room = words.score.empty() ? 0 : score.width + gap;
  const Text label(measure.get(), words.label, size, PANGO_WEIGHT_BOLD,
                   std::max(1.0, room - score_room));
  const Text note(measure.get(), words.note, std::max(9.0, 0.48 * metrics.line),
                  PANGO_WEIGHT_NORMAL, room);
  const Legend legend(measure.get(), words.of_flow, metrics.line, room);
  const bool has_label = !words.label.empty(), has_note = !words.note.empty();
  const double width = std::max({has_label ? label.width + score_room : 0.0,
                                 has_note ? static_cast<double>(note.width) : 0.0,
                                 words.legend ? legend.width() : 0.0});
  const double height = (has_label ? label.height : 0) + (has_note ? note.height : 0) +
                        (words.legend ? legend.height() : 0);

  const int full_width = even(width + 2 * metrics.padding);
  const int full_height = even(height + 0.9 * metrics.padding);
  Surface picture = new_picture(full_width, full_height);
  const Context cairo(cairo_create(picture.get()));
  draw_backing(cairo.get(), full_width, full_height, metrics.radius);
  double y = 0.45 * metrics.padding;
  if (has_label) {
    cairo_set_source_rgb(cairo.get(), 1, 1, 1);
    label.draw(cairo.get(), metrics.padding, y);
    cairo_set_source_rgb(cairo.get(), 0.80, 0.84, 0.90);
    score.draw(cairo.get(), metrics.padding + label.width + gap,
               y + label.baseline() - score.baseline());
    y += label.height;
  }
  cairo_set_source_rgb(cairo.get(), 0.74, 0.78, 0.84);
  if (has_note) note.draw(cairo.get(), metrics.padding, y);
  if (has_note) y += note.height;
  if (words.legend) legend.draw(cairo.get(), metrics.padding, y);
  return picture;
}

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

bool same_canvas(const Frame& a, const Frame& b) {
  return a.format == b.format && a.width == b.width && a.height == b.height &&
         a.matrix == b.matrix && a.full_range == b.full_range;
}

}  // namespace

struct CaptionPainter::State {
  void draw_words(const Frame& frame, const Caption& caption);
  void draw_strip(const Frame& frame, const Caption& caption, ColorMap color_map);

  Frame canvas;  // what the stickers were made for
  Words words;
  Strip strip;
  Sticker words_sticker, strip_sticker, marker_sticker;
};

void CaptionPainter::State::draw_words(const Frame& frame, const Caption& caption) {
  Words wanted{valid_utf8(caption.label), "", valid_utf8(caption.note), caption.motion_legend,
               caption.flow_legend};
  if (!wanted.label.empty()) wanted.score = valid_utf8(caption.score);
  if (wanted.empty()) return;
  if (words_sticker.empty() || !(wanted == words)) {
    words = std::move(wanted);
    words_sticker.build(tubecam::draw_words(words, frame).get(), frame);
  }
  const int margin = Metrics(frame).margin;
  words_sticker.draw(frame, margin, margin);
}

void CaptionPainter::State::draw_strip(const Frame& frame, const Caption& caption, ColorMap map) {
  if (caption.strip.empty()) return;
  // NaN differs from itself; it is drawn as 0.
  Strip wanted;
  for (const float value : caption.strip) wanted.values.push_back(unit(value));
  for (const float share : caption.strip_motion) wanted.motion.push_back(unit(share));
  wanted.key_frames = caption.key_frames;
  wanted.color_map = map;
  if (strip_sticker.empty() || !(wanted == strip)) {
    strip = std::move(wanted);
    strip_sticker.build(tubecam::draw_strip(strip, frame).get(), frame);
  }
  const StripPlace place(frame);
  strip_sticker.draw(frame, place.margin, place.y);
  if (!std::isfinite(caption.strip_now)) return;
  if (marker_sticker.empty()) marker_sticker.build(draw_marker(frame).get(), frame);
  const double inner = place.width - 2 * place.inset;
  const double x = place.margin + place.inset + std::clamp(caption.strip_now, 0.0, 1.0) * inner;
  marker_sticker.draw(frame, std::max(0, even(x - 2 * Metrics(frame).line / 14)), place.y);
}

CaptionPainter::CaptionPainter() : state_(std::make_unique<State>()) {}
CaptionPainter::~CaptionPainter() = default;
CaptionPainter& CaptionPainter::operator=(CaptionPainter&&) noexcept = default;

void CaptionPainter::draw(const Frame& frame, const Caption& caption, ColorMap color_map) {
  check_frame(frame);
  if (frame.width < kMinWidth || frame.height < kMinHeight) return;
  if (!same_canvas(frame, state_->canvas)) {
    state_ = std::make_unique<State>();
    state_->canvas = frame;
  }
  state_->draw_words(frame, caption);
  state_->draw_strip(frame, caption, color_map);
}

}  // namespace tubecam
