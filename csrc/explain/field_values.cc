#include "explain/field_values.h"

#include <algorithm>
#include <type_traits>

#include "explain/explanation_fields.h"

namespace tubecam {
namespace {

// How a field of one C++ type is reported: `type` and `parts` as of FieldInfo, `emit` to a sink.
template <typename T>
struct Plain {
  static constexpr bool optional = false;
  static constexpr const char* parts = "";
  static void emit(const std::string& name, const T& value, const FieldSink& sink) {
    sink(name, FieldValue(value));
  }
};

template <typename T>
struct Kind;
template <>
struct Kind<bool> : Plain<bool> {
  static constexpr const char* type = "boolean";
};
template <>
struct Kind<int> : Plain<int> {
  static constexpr const char* type = "int";
};
template <>
struct Kind<uint64_t> : Plain<uint64_t> {
  static constexpr const char* type = "uint64";
};
template <>
struct Kind<double> : Plain<double> {
  static constexpr const char* type = "double";
};
template <>
struct Kind<float> : Kind<double> {};
template <>
struct Kind<std::string> : Plain<std::string> {
  static constexpr const char* type = "string";
};

template <>
struct Kind<std::vector<float>> : Plain<std::vector<float>> {
  static constexpr const char* type = "float32";
  static void emit(const std::string& name, const std::vector<float>& values,
                   const FieldSink& sink) {
    sink(name, FieldArray<float>{values.data(), values.size()});
  }
};

template <>
struct Kind<std::vector<Box>> : Kind<std::vector<float>> {
  static void emit(const std::string& name, const std::vector<Box>& boxes, const FieldSink& sink) {
    sink(name, array_of(boxes));
  }
};

template <>
struct Kind<std::vector<int64_t>> : Plain<std::vector<int64_t>> {
  static constexpr const char* type = "int64";
  static void emit(const std::string& name, const std::vector<int64_t>& values,
                   const FieldSink& sink) {
    sink(name, FieldArray<int64_t>{values.data(), values.size()});
  }
};

template <>
struct Kind<std::array<double, 3>> : Kind<double> {
  static constexpr const char* parts = "t, y, x";
  static void emit(const std::string& name, const std::array<double, 3>& values,
                   const FieldSink& sink) {
    sink(name + "-t", values[0]);
    sink(name + "-y", values[1]);
    sink(name + "-x", values[2]);
  }
};

template <>
struct Kind<Rect> : Kind<double> {
  static constexpr const char* parts = "x, y, width, height";
  static void emit(const std::string& name, const Rect& place, const FieldSink& sink) {
    sink(name + "-x", place.x);
    sink(name + "-y", place.y);
    sink(name + "-width", place.width);
    sink(name + "-height", place.height);
  }
};

template <typename T>
struct Kind<std::optional<T>> : Kind<T> {
  static constexpr bool optional = true;
  static void emit(const std::string& name, const std::optional<T>& value, const FieldSink& sink) {
    if (value) Kind<T>::emit(name, *value, sink);
  }
};

template <typename T>
struct Kind<const T*> : Kind<T> {
  static constexpr bool optional = true;
  static void emit(const std::string& name, const T* value, const FieldSink& sink) {
    if (value) Kind<T>::emit(name, *value, sink);
  }
};

template <typename Owner, typename Get>
using KindOf = Kind<std::decay_t<std::invoke_result_t<const Get&, const Owner&>>>;

template <typename Owner, typename... Get>
void emit_all(const std::string& prefix, const std::tuple<Field<Get>...>& fields,
              const Owner& owner, const FieldSink& sink) {
  const auto emit = [&](const auto& field) {
    using Kind = KindOf<Owner, std::decay_t<decltype(field.get)>>;
    Kind::emit(prefix + field.name, std::invoke(field.get, owner), sink);
  };
  std::apply([&](const auto&... field) { (emit(field), ...); }, fields);
}

// "pathways": how many; "pathway-0-name" …
template <typename Fields, typename Owner>
void emit_list(const std::string& singular, const Fields& fields, const std::vector<Owner>& owners,
               const FieldSink& sink) {
  sink(singular + "s", int(owners.size()));
  for (size_t i = 0; i < owners.size(); ++i)
    emit_all(singular + "-" + std::to_string(i) + "-", fields, owners[i], sink);
}

std::string key_of(const std::string& name, const std::string& key) {
  std::string python = key.empty() ? name : key;
  std::replace(python.begin(), python.end(), '-', '_');
  return python;
}

template <typename Owner, typename... Get>
void list_all(const std::string& group, const std::tuple<Field<Get>...>& fields,
              std::vector<FieldInfo>* list) {
  const auto add = [&](const auto& field) {
    using Kind = KindOf<Owner, std::decay_t<decltype(field.get)>>;
    list->push_back({group, field.name, key_of(field.name, field.key), Kind::type, Kind::parts,
                     field.shape, field.meaning, Kind::optional});
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
