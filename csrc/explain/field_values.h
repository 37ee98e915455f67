// An explanation as names and plain values: what metadata, messages and the bindings hold.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/export.h"
#include "explain/explanation.h"

namespace tubecam {

// Numbers in row-major order; they belong to the explanation.
template <typename T>
struct FieldArray {
  const T* data = nullptr;
  size_t count = 0;
};

// float32 [n, 5]
TUBECAM_API FieldArray<float> array_of(const std::vector<Box>& boxes);

using FieldValue =
    std::variant<bool, int, uint64_t, double, std::string, FieldArray<float>, FieldArray<int64_t>>;
using FieldSink = std::function<void(const std::string& name, const FieldValue& value)>;

// Every field that is not missing, of all of explanation_fields.h and receipt.h.
TUBECAM_API void for_each_field(const Explanation& explanation, const FieldSink& sink);

// A line of the list.
struct FieldInfo {
  std::string group;    // "", "receipt", "pathway", "mark", "sampling" or "timings"
  std::string name;     // in metadata; of "pathway" and "mark" behind "pathway-i-" and "mark-i-"
  std::string key;      // Python's name
  std::string type;     // boolean, int, uint64, double, string; of arrays float32 or int64
  std::string parts;    // "t, y, x": it is one number for each, "name-t", "name-y" and "name-x"
  std::string shape;    // of an array: numbers and fields of its group
  std::string meaning;  // with shape and unit
  bool optional;        // it may be missing
};

TUBECAM_API std::vector<FieldInfo> explanation_fields();

}  // namespace tubecam
