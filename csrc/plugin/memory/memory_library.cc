#include "plugin/memory/memory_library.h"

#include <dlfcn.h>

#include <string>

#include "base/library.h"

namespace tubecam {

void* memory_symbol(const MemoryLibrary& library, const char* name) {
  if (void* present = dlsym(RTLD_DEFAULT, name)) return present;
  const std::string remedy =
      std::string("It needs ") + library.needs + ", of the version that this build was made with";
  return load_symbol((own_folder() / library.file).string(), name, library.what, remedy.c_str());
}

}  // namespace tubecam
