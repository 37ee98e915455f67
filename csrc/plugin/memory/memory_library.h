// The libraries of the kinds of memory, loaded when they are first needed: see Note [Device
// library].
#pragma once

namespace tubecam {

struct MemoryLibrary {
  const char *file, *what, *needs;
};

inline constexpr MemoryLibrary kNvmmLibrary = {"libtubecam_nvmm.so", "reader of memory:NVMM",
                                               "libnvbufsurface (JetPack or DeepStream)"};
inline constexpr MemoryLibrary kCudaLibrary = {"libtubecam_gstcuda.so",
                                               "reader of memory:CUDAMemory",
                                               "libgstcuda-1.0 (GStreamer's bad plugins, 1.24)"};

// A function that the library exports as extern "C" `name`. A process that has it already is taken
// at its word. Throws kUnavailable, naming what the library needs.
void* memory_symbol(const MemoryLibrary& library, const char* name);

template <typename Function>
Function* memory_function(const MemoryLibrary& library, const char* name) {
  return reinterpret_cast<Function*>(memory_symbol(library, name));
}

}  // namespace tubecam
