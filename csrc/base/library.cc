#include "base/library.h"

#include <dlfcn.h>
#include <link.h>

#include <fstream>

#include "base/error.h"

namespace tubecam {

std::filesystem::path own_folder() {
  Dl_info info{};
  const bool known = dladdr(reinterpret_cast<const void*>(&own_folder), &info) && info.dli_fname;
  check(known, ErrorCode::kUnavailable, "the folder of libtubecam.so cannot be found");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

namespace {

// Whether the file holds all that its header promises. The loader maps what is missing all the
// same, and the process dies where it reads it. The table of sections is a library's end.
bool is_whole(const std::string& path) {
  ElfW(Ehdr) header{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header)) return false;
  std::error_code error;
  const uintmax_t end = header.e_shoff + uintmax_t{header.e_shnum} * header.e_shentsize;
  return std::filesystem::file_size(path, error) >= end && !error;
}

}  // namespace

void* load_symbol(const std::string& path, const char* symbol, const char* what,
                  const char* remedy) {
  check(is_whole(path), ErrorCode::kUnavailable, "the ", what, " ", path,
        " is cut short: install tubecam again");
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    fail(ErrorCode::kUnavailable, "the ", what, " ", path, " does not load: ", dlerror(), ". ",
         remedy);
  }
  void* found = dlsym(handle, symbol);
  check(found != nullptr, ErrorCode::kUnavailable, path, " has no ", symbol,
        ": it is not a library of this version of tubecam");
  return found;
}

}  // namespace tubecam
