// The text of bundle.json, without the files that it names.
#pragma once

#include <map>
#include <string>

#include "base/export.h"
#include "bundle/bundle.h"

namespace tubecam {

struct Sidecar {
  Bundle bundle;  // folder, labels and the graphs' absolute paths are still empty
  std::string labels_file;
  std::map<std::string, std::string> files;  // file name → SHA-256
};

constexpr int kBundleFormat = 1;

// Throws kBundle, naming the JSON path, unless every value is within the limits of
// engines/README.md.
TUBECAM_API Sidecar parse_sidecar(const std::string& text);

}  // namespace tubecam
