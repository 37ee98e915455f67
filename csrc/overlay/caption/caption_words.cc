#include "overlay/caption/caption_words.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>

namespace tubecam {
namespace {

constexpr size_t kMaxTextBytes = 400;  // more never fits
constexpr int kStops = 8;              // of a bar's colours

std::string valid_utf8(const std::string& text) {
  const size_t size = std::min(text.size(), kMaxTextBytes);
  char* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(size));
  std::string result(valid);
  g_free(valid);
  return result;
}

// Two words with a bar of colours between them: from no heat to full heat, from what is still to
// what moves, or from what a model saw in the picture to what it saw in the flow.
class ColorBar {
 public:
  ColorBar(cairo_t* cairo, const Words& words, double size, double line)
      : words_(words),
        left_(cairo, left_word(), size, PANGO_WEIGHT_NORMAL, G_MAXINT / PANGO_SCALE),
        right_(cairo, right_word(), size, PANGO_WEIGHT_NORMAL, G_MAXINT / PANGO_SCALE),
        gap_(0.25 * line),
        bar_(2.8 * line) {}

  double width() const { return left_.width + right_.width + bar_ + 2 * gap_; }
  int height() const { return left_.height; }

  void draw(cairo_t* cairo, double x, double y) const {
    left_.draw(cairo, x, y);
    const double begin = x + left_.width + gap_, height = 0.5 * left_.height;
    right_.draw(cairo, begin + bar_ + gap_, y);
    cairo_pattern_t* colors = cairo_pattern_create_linear(begin, 0, begin + bar_, 0);
    for (int i = 0; i <= kStops; ++i) {
      const auto rgb = color(static_cast<float>(i) / kStops);
      cairo_pattern_add_color_stop_rgb(colors, static_cast<double>(i) / kStops, rgb[0] / 255.0,
                                       rgb[1] / 255.0, rgb[2] / 255.0);
    }
    rounded_rectangle(cairo, begin, y + 0.27 * left_.height, bar_, height, 0.3 * height);
    cairo_set_source(cairo, colors);
    cairo_fill_preserve(cairo);
    cairo_pattern_destroy(colors);
    cairo_set_source_rgba(cairo, 1, 1, 1, 0.45);  // the dark end would vanish on the backing
    cairo_set_line_width(cairo, 1);
    cairo_stroke(cairo);
  }

 private:
  std::string left_word() const {
    if (words_.legend == Legend::kHeat) return "0";
    return words_.legend == Legend::kFlow ? "picture" : "still";
  }
  std::string right_word() const {
    if (words_.legend == Legend::kHeat) return words_.full;
    return words_.legend == Legend::kFlow ? "flow" : "moving";
  }
  std::array<uint8_t, 3> color(float place) const {
    if (words_.legend != Legend::kHeat) return motion_color(0.8f, place);
    return color_table(words_.color_map)[static_cast<size_t>(std::lround(place * 255))];
  }

  const Words& words_;
  Text left_, right_;
  double gap_, bar_;
};

// The words laid out; what there is none of is null.
struct Lines {
  Lines(const Words& words, const Frame& frame)
      : probe(new_picture(2, 2)), measure(cairo_create(probe.get())) {
    const Metrics metrics(frame);
    const double room = frame.width - 2 * (metrics.margin + metrics.padding);
    gap = 0.45 * metrics.line;
    if (!words.label.empty()) lay_out_label(words, std::max(10.5, 0.66 * metrics.line), room);
    if (!words.note.empty())
      note = text(words.note, std::max(9.0, 0.48 * metrics.line), PANGO_WEIGHT_NORMAL, room);
    lay_out_legend(words, metrics.line, room);
    drop_what_does_not_fit(words.room - edge(metrics));
  }
  static double edge(const Metrics& metrics) { return 0.9 * metrics.padding; }

  bool empty() const { return !label && !note && !bar && !full; }

  double width() const {
    double most = label ? label->width + (score->width > 0 ? gap + score->width : 0) : 0;
    if (note) most = std::max<double>(most, note->width);
    if (bar) most = std::max(most, bar->width());
    return full ? std::max<double>(most, full->width) : most;
  }
  double height() const {
    return (label ? label->height : 0) + (note ? note->height : 0) + (bar ? bar->height() : 0) +
           (full ? full->height : 0);
  }

  Surface probe;
  Context measure;
  double gap = 0;
  std::unique_ptr<Text> label, score, note, full;
  std::unique_ptr<ColorBar> bar;

 private:
  std::unique_ptr<Text> text(const std::string& words, double size, PangoWeight weight,
                             double room) const {
    return std::make_unique<Text>(measure.get(), words, size, weight, room);
  }
  void lay_out_label(const Words& words, double size, double room) {
    score = text(words.score, size, PANGO_WEIGHT_NORMAL, room);
    const double left = room - (words.score.empty() ? 0 : score->width + gap);
    label = text(words.label, size, PANGO_WEIGHT_BOLD, std::max(1.0, left));
  }
  void lay_out_legend(const Words& words, double line, double room) {
    if (words.legend == Legend::kNone) return;
    const double size = std::max(9.0, 0.44 * line);
    bar = std::make_unique<ColorBar>(measure.get(), words, size, line);
    if (bar->width() > room) bar.reset();
    if (words.legend == Legend::kHeat || words.full.empty()) return;
    full = text("full colour " + words.full, size, PANGO_WEIGHT_NORMAL, G_MAXINT / PANGO_SCALE);
    if (full->width > room) full.reset();
  }
  void drop_what_does_not_fit(double room) {
    if (height() > room) full.reset();
    if (height() > room) bar.reset();
    if (height() > room) note.reset();
    if (height() > room) label.reset();
  }
};

}  // namespace

bool Words::operator==(const Words& other) const {
  const auto all = [](const Words& words) {
    return std::tie(words.label, words.score, words.note, words.full, words.legend, words.color_map,
                    words.room);
  };
  return all(*this) == all(other);
}

Words words_of(const Caption& caption, ColorMap color_map) {
  Words words{valid_utf8(caption.label),
              "",
              valid_utf8(caption.note),
              valid_utf8(caption.full),
              caption.legend,
              color_map};
  if (!words.label.empty()) words.score = valid_utf8(caption.score);
  return words;
}

Surface draw_words(const Words& words, const Frame& frame) {
  const Metrics metrics(frame);
  const Lines lines(words, frame);
  if (lines.empty()) return nullptr;
  const int width = even(lines.width() + 2 * metrics.padding);
  const int height = even(lines.height() + Lines::edge(metrics));
  Surface picture = new_picture(width, height);
  const Context context(cairo_create(picture.get()));
  cairo_t* cairo = context.get();
  draw_backing(cairo, width, height, metrics.radius);
  const double x = metrics.padding;
  double y = 0.45 * metrics.padding;
  if (lines.label) {
    cairo_set_source_rgb(cairo, 1, 1, 1);
    lines.label->draw(cairo, x, y);
    cairo_set_source_rgb(cairo, 0.80, 0.84, 0.90);
    lines.score->draw(cairo, x + lines.label->width + lines.gap,
                      y + lines.label->baseline() - lines.score->baseline());
    y += lines.label->height;
  }
  const auto draw = [&](const auto& line, int line_height) {
    cairo_set_source_rgb(cairo, 0.74, 0.78, 0.84);
    line.draw(cairo, x, y);
    y += line_height;
  };
  if (lines.note) draw(*lines.note, lines.note->height);
  if (lines.bar) draw(*lines.bar, lines.bar->height());
  if (lines.full) draw(*lines.full, lines.full->height);
  return picture;
}

}  // namespace tubecam
