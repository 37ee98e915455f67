#include "base/unwind.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>

namespace tubecam {

namespace {

// The places of two libraries in the order of loading; 0 = not loaded.
struct Places {
  int count = 0, standard_library = 0, unwinder = 0;
};

int note_place(dl_phdr_info* library, size_t, void* data) {
  auto* places = static_cast<Places*>(data);
  ++places->count;
  if (std::strstr(library->dlpi_name, "/libstdc++.so")) places->standard_library = places->count;
  if (std::strstr(library->dlpi_name, "/libunwind.so")) places->unwinder = places->count;
  return 0;
}

bool in_libunwind(const void* function) {
  Dl_info owner{};
  return function && dladdr(function, &owner) && std::strstr(owner.dli_fname, "/libunwind.so");
}

}  // namespace

bool exceptions_are_safe() noexcept {
  if (!in_libunwind(dlsym(RTLD_DEFAULT, "_Unwind_Resume"))) return true;
  Places places;
  dl_iterate_phdr(note_place, &places);
  return places.standard_library > places.unwinder;
}

}  // namespace tubecam
