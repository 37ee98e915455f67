#include "overlay/caption/caption_draw.h"

#include <algorithm>
#include <cmath>

namespace tubecam {

int even(double value) { return 2 * static_cast<int>(std::ceil(value / 2)); }

Metrics::Metrics(const Frame& frame)
    : line(std::max(12.0, frame.height / 18.0)),
      margin(even(0.4 * line)),
      padding(0.36 * line),
      radius(0.22 * line) {}

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

void draw_backing(cairo_t* cairo, double width, double height, double radius) {
  rounded_rectangle(cairo, 0, 0, width, height, radius);
  cairo_set_source_rgba(cairo, 0.04, 0.05, 0.07, 0.66);
  cairo_fill(cairo);
}

Text::Text(cairo_t* cairo, const std::string& text, double pixels, PangoWeight weight,
           double max_width) {
  using Font = std::unique_ptr<PangoFontDescription,
                               CairoDeleter<PangoFontDescription, pango_font_description_free>>;
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

int Text::baseline() const { return pango_layout_get_baseline(layout.get()) / PANGO_SCALE; }

void Text::draw(cairo_t* cairo, double x, double y) const {
  cairo_move_to(cairo, x, y);
  pango_cairo_show_layout(cairo, layout.get());
}

}  // namespace tubecam
