// SHA-256 of a file, for the bundle's table of files.
#pragma once

#include <string>

namespace tubecam {

// Lower-case hex. The file is streamed, so its size does not matter. Throws kBundle when it cannot
// be read.
std::string sha256_of_file(const std::string& path);

}  // namespace tubecam
