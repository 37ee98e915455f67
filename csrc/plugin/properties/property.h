// An element's properties as a table. An entry states a property once: its description for GObject
// and the member of a struct that holds it, whose initial value is the property's default.
#pragma once

#include <gst/gst.h>

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "plugin/properties/enums.h"

namespace tubecam {

inline constexpr auto kReadOnly =
    static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
inline constexpr auto kUntilStarted =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
inline constexpr auto kPlaying = static_cast<GParamFlags>(
    G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
inline constexpr auto kControlled = static_cast<GParamFlags>(kPlaying | GST_PARAM_CONTROLLABLE);

struct Title {
  const char *name, *nick, *blurb;
};

// at(&A::b, &B::c)(a) is a.b.c.
template <typename... Members>
auto at(Members... members) {
  return [=](auto& owner) -> auto& { return (owner.*....*members); };
}

// Kinds of property. Each makes a GParamSpec and carries a value between a GValue and the member.

template <typename T>
struct NumberType;
template <>
struct NumberType<int> {
  static constexpr auto spec = g_param_spec_int;
  static constexpr auto get = g_value_get_int;
  static constexpr auto set = g_value_set_int;
};
template <>
struct NumberType<int64_t> : NumberType<int> {};  // a class: launch lines know it as an int
template <>
struct NumberType<uint64_t> {
  static constexpr auto spec = g_param_spec_uint64;
  static constexpr auto get = g_value_get_uint64;
  static constexpr auto set = g_value_set_uint64;
};
template <>
struct NumberType<float> {
  static constexpr auto spec = g_param_spec_float;
  static constexpr auto get = g_value_get_float;
  static constexpr auto set = g_value_set_float;
};
template <>
struct NumberType<double> {
  static constexpr auto spec = g_param_spec_double;
  static constexpr auto get = g_value_get_double;
  static constexpr auto set = g_value_set_double;
};

template <typename T>
struct Number {
  using Type = NumberType<T>;
  T least, most;

  GParamSpec* spec(const Title& title, T initial, GParamFlags flags) const {
    return Type::spec(title.name, title.nick, title.blurb, least, most, initial, flags);
  }
  void set(T* member, const GValue* value) const { *member = Type::get(value); }
  void get(T member, GValue* value) const { Type::set(value, member); }
};

struct Switch {
  GParamSpec* spec(const Title& title, bool initial, GParamFlags flags) const {
    return g_param_spec_boolean(title.name, title.nick, title.blurb, initial, flags);
  }
  void set(bool* member, const GValue* value) const { *member = g_value_get_boolean(value); }
  void get(bool member, GValue* value) const { g_value_set_boolean(value, member); }
};

// An empty one is null to GObject.
struct FreeText {
  static const char* given(const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
  }

  GParamSpec* spec(const Title& title, const std::string& initial, GParamFlags flags) const {
    return g_param_spec_string(title.name, title.nick, title.blurb, given(initial), flags);
  }
  void set(std::string* member, const GValue* value) const {
    const char* text = g_value_get_string(value);
    *member = text ? text : "";
  }
  void get(const std::string& member, GValue* value) const {
    g_value_set_string(value, given(member));
  }
};

// One of an enumeration: the member is its value, or its name.
struct OneOf {
  GType type;

  GParamSpec* spec(const Title& title, int initial, GParamFlags flags) const {
    return g_param_spec_enum(title.name, title.nick, title.blurb, type, initial, flags);
  }
  template <typename Value>
  GParamSpec* spec(const Title& title, const Value& initial, GParamFlags flags) const {
    return spec(title, number(initial), flags);
  }
  template <typename Value>
  void set(Value* member, const GValue* value) const {
    if constexpr (std::is_same_v<Value, std::string>)
      *member = enum_name(type, g_value_get_enum(value));
    else
      *member = static_cast<Value>(g_value_get_enum(value));
  }
  template <typename Value>
  void get(const Value& member, GValue* value) const {
    g_value_set_enum(value, number(member));
  }

 private:
  int number(const std::string& name) const { return enum_value(type, name); }
  template <typename Value>
  int number(Value value) const {
    return static_cast<int>(value);
  }
};

template <typename Owner>
class Property {
 public:
  // place: at(…) of the owner; kind: one of the above.
  template <typename Place, typename Kind>
  Property(const Title& title, GParamFlags flags, Place place, Kind kind)
      : spec_([=, initial = Owner()] { return kind.spec(title, place(initial), flags); }),
        set_([=](Owner* owner, const GValue* value) { kind.set(&place(*owner), value); }),
        get_([=](const Owner& owner, GValue* value) { kind.get(place(owner), value); }) {}

  GParamSpec* spec() const { return spec_(); }
  void set(Owner* owner, const GValue* value) const { set_(owner, value); }
  void get(const Owner& owner, GValue* value) const { get_(owner, value); }

 private:
  std::function<GParamSpec*()> spec_;
  std::function<void(Owner*, const GValue*)> set_;
  std::function<void(const Owner&, GValue*)> get_;
};

// The table's entries have the numbers first, first + 1, … of GObject.
template <typename Entry>
void install(GObjectClass* klass, const std::vector<Entry>& table, guint first = 1) {
  for (const Entry& entry : table) g_object_class_install_property(klass, first++, entry.spec());
}

// Null for a number that is not the table's.
template <typename Entry>
const Entry* find(const std::vector<Entry>& table, guint id, guint first = 1) {
  return id >= first && id - first < table.size() ? &table[id - first] : nullptr;
}

}  // namespace tubecam
