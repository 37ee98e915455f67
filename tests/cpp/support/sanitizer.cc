// What the test programs need under the sanitisers.
//
// AddressSanitizer stops a program that opens a library with RTLD_DEEPBIND, as OpenVINO's TBB does:
// every library is therefore opened without that flag.
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) void* dlopen(const char* file, int flags) {
  using Open = void*(const char*, int);
  static Open* const next = reinterpret_cast<Open*>(dlsym(RTLD_NEXT, "dlopen"));
  return next(file, flags & ~RTLD_DEEPBIND);
}

// What these libraries keep until the process ends is theirs. GLib's is its table of quarks, made
// before main(); since every g_malloc() then counts as GLib's, test_elements.py watches GStreamer's
// objects with the leaks tracer.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "leak:libopenvino\nleak:libtbb\nleak:libfontconfig\nleak:libpango\nleak:libglib\n";
}
