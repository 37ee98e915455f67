// Whether C++ exceptions work in this process.
#pragma once

#include "base/export.h"

namespace tubecam {

// Note [Unwinding]
// GStreamer brings libunwind, which defines the same functions for unwinding as libgcc. Libraries
// bind to whichever is in front when they are loaded. Where something loaded libstdc++ with libgcc
// first (NumPy does) and GStreamer then put libunwind in front for all that follows (PyGObject
// does), the two halves of an exception's way belong to different unwinders, and the first
// exception aborts the process. With libgcc in front, or libunwind alone, all is well.
//
// False in that case. Throws nothing, as it must not.
TUBECAM_API bool exceptions_are_safe() noexcept;

}  // namespace tubecam
