// Reading and writing the fields of Note [Fields] (meta.h).
#pragma once

#include <gst/gst.h>

#include <string>
#include <utility>
#include <vector>

#include "explain/field_values.h"

namespace tubecam {

void set_field(GstStructure* fields, const std::string& name, const FieldValue& value);
void set_fields(GstStructure* fields,
                const std::vector<std::pair<std::string, FieldValue>>& values);
void set_floats(GstStructure* fields, const std::string& name, const std::vector<float>& values);
void set_boxes(GstStructure* fields, const std::vector<Box>& boxes);
void copy_fields(const GstStructure* from, GstStructure* to);

// Of a field that is missing: nothing, 0 or empty. For what tubecam wrote itself; meta_read.cc
// checks what others may have.
int int_field(const GstStructure* fields, const std::string& name);
double double_field(const GstStructure* fields, const std::string& name);
std::vector<float> floats_field(const GstStructure* fields, const std::string& name);
std::vector<Box> boxes_field(const GstStructure* fields);

}  // namespace tubecam
