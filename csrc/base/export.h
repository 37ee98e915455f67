// What a library of ours shows to the others.
#pragma once

// Note [Exports]
// Symbols are hidden unless they are marked, so that two of our libraries in one process cannot
// bind to each other's internals, and an application's libraries not to ours. Marked is what
// another of our libraries, the bindings or a C++ test calls, and Error, whose type has to be one
// for all that catch it. Whatever else a library would show (instances of the standard library's
// templates) cmake/exports.map keeps back.
#define TUBECAM_API __attribute__((visibility("default")))
