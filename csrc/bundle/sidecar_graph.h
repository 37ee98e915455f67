// The entries of `graphs` in bundle.json.
#pragma once

#include <map>
#include <set>
#include <string>

#include "bundle/json_node.h"
#include "bundle/sidecar.h"

namespace tubecam {

// Each throws kBundle, naming the JSON path.

// Whether it is plain: no path, and none of the folder's own names.
bool is_file_name(const std::string& name);
// The plain name of a file in the bundle's own folder.
std::string file_name(const JsonNode& node);
// The same, one of `files`.
std::string listed_file(const JsonNode& node, const std::map<std::string, std::string>& files);
// One entry. sidecar: with its files, clip and precision read; methods: those of earlier entries.
GraphSpec parse_graph(const JsonNode& node, const Sidecar& sidecar, std::set<std::string>* methods);

}  // namespace tubecam
