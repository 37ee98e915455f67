#include "explain/field_values.h"

#include <algorithm>
#include <utility>

#include "explain/explanation_fields.h"

namespace tubecam {
namespace {

// What FieldInfo says of a C++ type.
struct Kind {
  const char* type;
  const char* parts = "";
  bool optional = false;
};

template <typename T>
struct Of {};
Kind kind(Of<bool>) { return {"boolean"}; }
Kind kind(Of<int>) { return {"int"}; }
Kind kind(Of<uint64_t>) { return {"uint64"}; }
Kind kind(Of<float>) { return {"double"}; }
Kind kind(Of<double>) { return {"double"}; }
Kind kind(Of<std::string>) { return {"string"}; }
Kind kind(Of<std::vector<float>>) { return {"float32"}; }
Kind kind(Of<std::vector<Box>>) { return {"float32"}; }
Kind kind(Of<std::vector<int64_t>>) { return {"int64"}; }
Kind kind(Of<std::array<double, 3>>) { return {"double", "t, y, x"}; }
Kind kind(Of<Rect>) { return {"double", "x, y, width, height"}; }

template <typename T>
Kind kind(Of<std::optional<T>>) {
  return {kind(Of<T>()).type, kind(Of<T>()).parts, true};
}
template <typename T>
Kind kind(Of<const T*>) {
  return kind(Of<std::optional<T>>());
}

// ---- values ----

template <typename T>
void emit(const FieldSink& sink, const std::string& name, const T& value) {
  sink(name, FieldValue(value));
}
template <typename T>
void emit(const FieldSink& sink, const std::string& name, const std::vector<T>& values) {
  sink(name, FieldArray<T>{values.data(), values.size()});
}
void emit(const FieldSink& sink, const std::string& name, const std::vector<Box>& boxes) {
  sink(name, array_of(boxes));
}
void emit(const FieldSink& sink, const std::string& name, const std::array<double, 3>& values) {
  const char* axes[] = {"-t", "-y", "-x"};
  for (size_t i = 0; i < 3; ++i) sink(name + axes[i], values[i]);
}
void emit(const FieldSink& sink, const std::string& name, const Rect& place) {
  sink(name + "-x", place.x);
  sink(name + "-y", place.y);
  sink(name + "-width", place.width);
  sink(name + "-height", place.height);
}
template <typename T>
void emit(const FieldSink& sink, const std::string& name, const std::optional<T>& value) {
  if (value) emit(sink, name, *value);
}
template <typename T>
void emit(const FieldSink& sink, const std::string& name, const T* value) {
  if (value) emit(sink, name, *value);
}

template <typename Owner, typename... Get>
void emit_all(const std::string& prefix, const std::tuple<Field<Get>...>& fields,
              const Owner& owner, const FieldSink& sink) {
  const auto one = [&](const auto& field) {
    emit(sink, prefix + field.name, std::invoke(field.get, owner));
  };
  std::apply([&](const auto&... field) { (one(field), ...); }, fields);
}

// "pathways": how many; "pathway-0-name" …
template <typename Fields, typename Owner>
void emit_list(const std::string& singular, const Fields& fields, const std::vector<Owner>& owners,
               const FieldSink& sink) {
  sink(singular + "s", int(owners.size()));
  for (size_t i = 0; i < owners.size(); ++i)
    emit_all(singular + "-" + std::to_string(i) + "-", fields, owners[i], sink);
}

// ---- the list ----

std::string key_of(const std::string& name, const std::string& key) {
  std::string python = key.empty() ? name : key;
  std::replace(python.begin(), python.end(), '-', '_');
  return python;
}

template <typename Owner, typename... Get>
void list_all(const std::string& group, const std::tuple<Field<Get>...>& fields,
              std::vector<FieldInfo>* list) {
  const auto add = [&](const auto& field) {
    using Value = std::decay_t<decltype(std::invoke(field.get, std::declval<const Owner&>()))>;
    const auto [type, parts, optional] = kind(Of<Value>());
    list->push_back({group, field.name, key_of(field.name, field.key), type, parts, field.shape,
                     field.meaning, optional});
  };
  std::apply([&](const auto&... field) { (add(field), ...); }, fields);
}

}  // namespace

FieldArray<float> array_of(const std::vector<Box>& boxes) {
  static_assert(sizeof(Box) == 5 * sizeof(float), "x, y, width, height, value");
  return {boxes.empty() ? nullptr : &boxes[0].x, 5 * boxes.size()};
}

void for_each_field(const Explanation& explanation, const FieldSink& sink) {
  emit_all("", kExplanationFields, explanation, sink);
  emit_all("", kReceiptFields, explanation.receipt, sink);
  emit_all("", kSamplingFields, explanation.window.sampling, sink);
  emit_all("", kTimingFields, explanation.timings, sink);
  if (!explanation.pathways.empty())
    emit_list("pathway", kPathwayFields, explanation.pathways, sink);
  emit_list("mark", kMarkFields, marks(explanation), sink);
}

std::vector<FieldInfo> explanation_fields() {
  std::vector<FieldInfo> list;
  list_all<Explanation>("", kExplanationFields, &list);
  list_all<Receipt>("receipt", kReceiptFields, &list);
  list_all<Sampling>("sampling", kSamplingFields, &list);
  list_all<Timings>("timings", kTimingFields, &list);
  list_all<Pathway>("pathway", kPathwayFields, &list);
  list_all<Mark>("mark", kMarkFields, &list);
  return list;
}

}  // namespace tubecam
