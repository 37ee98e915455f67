// SHA-256 of files and of memory, for the bundle's table of files and for plans.
#pragma once

#include <cstddef>
#include <string>

#include "base/export.h"

namespace tubecam {

// Lower-case hex. The file is streamed, so its size does not matter. Throws kBundle when it cannot
// be read.
TUBECAM_API std::string sha256_of_file(const std::string& path);

TUBECAM_API std::string sha256_of(const void* data, size_t size);

}  // namespace tubecam
