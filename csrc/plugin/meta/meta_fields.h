// Reading and writing the fields of Note [Fields] (meta.h).
#pragma once

#include <gst/gst.h>

#include <string>
#include <utility>
#include <vector>

#include "explain/tube/tube.h"

namespace tubecam {

using NamedInts = std::vector<std::pair<std::string, int>>;
using NamedDoubles = std::vector<std::pair<std::string, double>>;

void set_ints(GstStructure* fields, const NamedInts& values);
void set_doubles(GstStructure* fields, const NamedDoubles& values);
void set_bytes(GstStructure* fields, const std::string& name, const void* data, size_t size);
void set_boxes(GstStructure* fields, const std::vector<Box>& boxes);
void copy_fields(const GstStructure* from, GstStructure* to);

template <typename T>
void set_numbers(GstStructure* fields, const std::string& name, const std::vector<T>& values) {
  set_bytes(fields, name, values.data(), values.size() * sizeof(T));
}

// Of a field that is missing: nothing, 0 or empty. For what tubecam wrote itself; meta_read.cc
// checks what others may have.
int int_field(const GstStructure* fields, const std::string& name);
double double_field(const GstStructure* fields, const std::string& name);
std::vector<float> floats_field(const GstStructure* fields, const std::string& name);
std::vector<Box> boxes_field(const GstStructure* fields);

}  // namespace tubecam
