#include "plugin/meta/meta_fields.h"

namespace tubecam {
namespace {

void set(GstStructure* fields, const char* name, bool value) {
  gst_structure_set(fields, name, G_TYPE_BOOLEAN, gboolean{value}, nullptr);
}
void set(GstStructure* fields, const char* name, int value) {
  gst_structure_set(fields, name, G_TYPE_INT, value, nullptr);
}
void set(GstStructure* fields, const char* name, uint64_t value) {
  gst_structure_set(fields, name, G_TYPE_UINT64, guint64{value}, nullptr);
}
void set(GstStructure* fields, const char* name, double value) {
  gst_structure_set(fields, name, G_TYPE_DOUBLE, value, nullptr);
}
void set(GstStructure* fields, const char* name, const std::string& value) {
  gst_structure_set(fields, name, G_TYPE_STRING, value.c_str(), nullptr);
}
template <typename T>
void set(GstStructure* fields, const char* name, const FieldArray<T>& array) {
  GBytes* bytes = g_bytes_new(array.data, array.count * sizeof(T));
  gst_structure_set(fields, name, G_TYPE_BYTES, bytes, nullptr);
  g_bytes_unref(bytes);
}

}  // namespace

void set_field(GstStructure* fields, const std::string& name, const FieldValue& value) {
  std::visit([&](const auto& plain) { set(fields, name.c_str(), plain); }, value);
}

void set_fields(GstStructure* fields,
                const std::vector<std::pair<std::string, FieldValue>>& values) {
  for (const auto& [name, value] : values) set_field(fields, name, value);
}

void set_floats(GstStructure* fields, const std::string& name, const std::vector<float>& values) {
  set_field(fields, name, FieldArray<float>{values.data(), values.size()});
}

void set_boxes(GstStructure* fields, const std::vector<Box>& boxes) {
  set_field(fields, "boxes", array_of(boxes));
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
