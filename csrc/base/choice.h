// Choices by name. Each list of values is written once, beside the values: launch lines, metadata,
// JSON, Python and the command line all read it there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"

namespace tubecam {

// A name, and what it means to people.
struct Word {
  const char *name, *meaning;
};

// The same of an enumeration's value.
template <typename Value>
struct Choice {
  Value value;
  const char *name, *meaning;
};

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  return names;
}

// "zero, blurred or frozen"
template <typename Table>
std::string listed(const Table& table) {
  const std::vector<std::string> names = names_of(table);
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
  return text;
}

// The entry with that name, or null.
template <typename Table>
auto find_choice(const Table& table, const std::string& name) {
  const auto found = std::find_if(std::begin(table), std::end(table),
                                  [&](const auto& entry) { return name == entry.name; });
  return found == std::end(table) ? nullptr : &*found;
}

// The same. Throws kUsage listing the names; what: "padding".
template <typename Table>
const auto& choose(const Table& table, const char* what, const std::string& name) {
  const auto* found = find_choice(table, name);
  check(found != nullptr, ErrorCode::kUsage, "unknown ", what, " \"", name, "\": choose ",
        listed(table));
  return *found;
}

// Null for a value that has no name.
template <typename Table, typename Value>
const char* name_of(const Table& table, Value value) {
  for (const auto& entry : table) {
    if (value == entry.value) return entry.name;
  }
  return nullptr;
}

}  // namespace tubecam
