// A frame with an explanation, as tubecam would attach it.
#pragma once

#include <gst/gst.h>

#include <vector>

namespace tubecam::testing {

template <typename T>
void set_numbers(GstStructure* fields, const char* name, const std::vector<T>& values) {
  GBytes* bytes = g_bytes_new(values.data(), values.size() * sizeof(T));
  gst_structure_set(fields, name, G_TYPE_BYTES, bytes, nullptr);
  g_bytes_unref(bytes);
}

// Heat in the left half only: 1×2×2 cells over an 8×8 clip that covers the whole frame.
inline void annotate(GstBuffer* buffer, bool valid = true) {
  GstStructure* fields =
      gst_custom_meta_get_structure(gst_buffer_add_custom_meta(buffer, "tubecam"));
  gst_structure_set(
      fields, "valid", G_TYPE_BOOLEAN, valid, "label", G_TYPE_STRING, "left", "score",
      G_TYPE_DOUBLE, 0.9, "target", G_TYPE_STRING, "left", "method", G_TYPE_STRING, "gradcam",
      "tube-t", G_TYPE_INT, 1, "tube-h", G_TYPE_INT, 2, "tube-w", G_TYPE_INT, 2, "stride-t",
      G_TYPE_DOUBLE, 1.0, "stride-y", G_TYPE_DOUBLE, 4.0, "stride-x", G_TYPE_DOUBLE, 4.0,
      "offset-t", G_TYPE_DOUBLE, 0.0, "offset-y", G_TYPE_DOUBLE, 1.5, "offset-x", G_TYPE_DOUBLE,
      1.5, "clip-length", G_TYPE_INT, 2, "clip-height", G_TYPE_INT, 8, "clip-width", G_TYPE_INT, 8,
      "crop-x", G_TYPE_DOUBLE, 0.0, "crop-y", G_TYPE_DOUBLE, 0.0, "crop-width", G_TYPE_DOUBLE, 1.0,
      "crop-height", G_TYPE_DOUBLE, 1.0, "slice", G_TYPE_DOUBLE, 0.0, "timestamp", G_TYPE_UINT64,
      G_GUINT64_CONSTANT(0), "window", G_TYPE_UINT64, G_GUINT64_CONSTANT(0), nullptr);
  set_numbers<float>(fields, "tube", {1, 0, 1, 0});
  set_numbers<float>(fields, "curve", {2, 2});
  set_numbers<int64_t>(fields, "window-pts", {0, 40'000'000});
}

}  // namespace tubecam::testing
