#include "base/library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace tubecam {

std::filesystem::path own_folder() {
  Dl_info info{};
  const bool known = dladdr(reinterpret_cast<const void*>(&own_folder), &info) && info.dli_fname;
  check(known, ErrorCode::kUnavailable, "the folder of libtubecam.so cannot be found");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

void* load_symbol(const std::string& path, const char* symbol, const char* what,
                  const char* remedy) {
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
