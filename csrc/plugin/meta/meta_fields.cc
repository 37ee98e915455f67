#include "plugin/meta/meta_fields.h"

namespace tubecam {

void set_ints(GstStructure* fields, const NamedInts& values) {
  for (const auto& [name, value] : values)
    gst_structure_set(fields, name.c_str(), G_TYPE_INT, value, nullptr);
}

void set_doubles(GstStructure* fields, const NamedDoubles& values) {
  for (const auto& [name, value] : values)
    gst_structure_set(fields, name.c_str(), G_TYPE_DOUBLE, value, nullptr);
}

void set_bytes(GstStructure* fields, const std::string& name, const void* data, size_t size) {
  GBytes* bytes = g_bytes_new(data, size);
  gst_structure_set(fields, name.c_str(), G_TYPE_BYTES, bytes, nullptr);
  g_bytes_unref(bytes);
}

void set_boxes(GstStructure* fields, const std::vector<Box>& boxes) {
  std::vector<float> values;
  for (const Box& box : boxes)
    values.insert(values.end(), {box.x, box.y, box.width, box.height, box.value});
  set_numbers(fields, "boxes", values);
}

void copy_fields(const GstStructure* from, GstStructure* to) {
  for (gint i = 0; i < gst_structure_n_fields(from); ++i) {
    const gchar* name = gst_structure_nth_field_name(from, i);
    gst_structure_set_value(to, name, gst_structure_get_value(from, name));
  }
}

int int_field(const GstStructure* fields, const std::string& name) {
  int value = 0;
  gst_structure_get_int(fields, name.c_str(), &value);
  return value;
}

double double_field(const GstStructure* fields, const std::string& name) {
  double value = 0;
  gst_structure_get_double(fields, name.c_str(), &value);
  return value;
}

std::vector<float> floats_field(const GstStructure* fields, const std::string& name) {
  const GValue* value = gst_structure_get_value(fields, name.c_str());
  if (!value || !G_VALUE_HOLDS(value, G_TYPE_BYTES)) return {};
  gsize size = 0;
  auto* bytes = static_cast<GBytes*>(g_value_get_boxed(value));
  const auto* data = static_cast<const float*>(g_bytes_get_data(bytes, &size));
  return {data, data + size / sizeof(float)};
}

std::vector<Box> boxes_field(const GstStructure* fields) {
  const std::vector<float> values = floats_field(fields, "boxes");
  std::vector<Box> boxes;
  for (size_t i = 0; i + 5 <= values.size(); i += 5)
    boxes.push_back({values[i], values[i + 1], values[i + 2], values[i + 3], values[i + 4]});
  return boxes;
}

}  // namespace tubecam
