// TubeCAM's own libraries that are loaded only when asked for.
#pragma once

#include <filesystem>
#include <string>

#include "base/export.h"

namespace tubecam {

// The folder of libtubecam.so, and so of the libraries that it loads. Throws kUnavailable.
TUBECAM_API std::filesystem::path own_folder();

// Loads a library for the life of the process and finds `symbol` in it. what: "openvino engine".
// remedy: what to install when it is there and does not load. Throws kUnavailable.
TUBECAM_API void* load_symbol(const std::string& path, const char* symbol, const char* what,
                              const char* remedy);

}  // namespace tubecam
