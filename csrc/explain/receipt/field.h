// One field of what is reported of a window: its name, where its value is found, and what it means.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace tubecam {

// Get: a pointer to a member, or a function of the owner. What it gives says the field's type; of
// an optional or a pointer, that the field may be missing.
template <typename Get>
struct Field {
  const char* name;  // in metadata: "relevance-sum", of Python's `relevance_sum`
  Get get;
  const char* meaning;     // with shape and unit
  const char* shape = "";  // of an array of several axes: numbers and names of fields of its group
  const char* key = "";    // Python's name, where it is another

  constexpr Field shaped(const char* axes) const { return {name, get, meaning, axes, key}; }
  constexpr Field called(const char* other) const { return {name, get, meaning, shape, other}; }
};

template <typename Get>
Field(const char*, Get, const char*) -> Field<Get>;

// ---- for Field::get ----

// A member that is missing where it is empty.
template <auto Member>
inline constexpr auto unless_empty =
    [](const auto& owner) { return (owner.*Member).empty() ? nullptr : &(owner.*Member); };

// A member's member.
template <auto Outer, auto Inner>
inline constexpr auto in = [](const auto& owner) -> const auto& {
  return owner.*Outer.*Inner;
};

// One number of an array.
template <auto Member, size_t Index>
inline constexpr auto item = [](const auto& owner) { return (owner.*Member)[Index]; };

template <typename To, auto Member>
inline constexpr auto as = [](const auto& owner) { return static_cast<To>(owner.*Member); };

}  // namespace tubecam
