// What captions are drawn with: Cairo's surfaces, lengths that follow the frame, lines of text.
#pragma once

#include <pango/pangocairo.h>

#include <memory>
#include <string>

#include "clip/frame/frame.h"

namespace tubecam {

template <typename T, void (*kFree)(T*)>
struct CairoDeleter {
  void operator()(T* object) const { kFree(object); }
};
using Surface =
    std::unique_ptr<cairo_surface_t, CairoDeleter<cairo_surface_t, cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, CairoDeleter<cairo_t, cairo_destroy>>;
struct LayoutDeleter {
  void operator()(PangoLayout* layout) const { g_object_unref(layout); }
};
using Layout = std::unique_ptr<PangoLayout, LayoutDeleter>;

int even(double value);  // rounded up

// All lengths follow from the height of a line.
struct Metrics {
  explicit Metrics(const Frame& frame);
  double line;
  int margin;      // from the frame's edge
  double padding;  // inside a backing
  double radius;
};

Surface new_picture(int width, int height);
void rounded_rectangle(cairo_t* cairo, double x, double y, double width, double height,
                       double radius);
// Dark enough for white text over white video, and still lets the scene through.
void draw_backing(cairo_t* cairo, double width, double height, double radius);

// One line of text with its extent in pixels.
struct Text {
  Text(cairo_t* cairo, const std::string& text, double pixels, PangoWeight weight,
       double max_width);
  int baseline() const;
  void draw(cairo_t* cairo, double x, double y) const;

  Layout layout;
  int width = 0, height = 0;
};

}  // namespace tubecam
