// Compiler-dependent words, in one place.
#pragma once

// Marks the arithmetic of one element that a kernel's CPU and CUDA files share.
#ifdef __CUDACC__
#define TUBECAM_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define TUBECAM_HOST_DEVICE inline
#endif

// Builds a function several times for wider vector units; the loader picks the best one at run
// time.
// On AArch64 the baseline (NEON) needs none. Sanitisers instrument the resolver, which runs too
// early.
// GCC before 12 cannot dispatch on x86-64 levels: it gets AVX2 without FMA.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__CUDACC__)
#if __GNUC__ >= 12
#define TUBECAM_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TUBECAM_MULTIVERSION __attribute__((target_clones("avx2", "default")))
#endif
#else
#define TUBECAM_MULTIVERSION
#endif

// A function for vectors of 16 floats, where the compiler can build and the processor run it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define TUBECAM_WIDE_TARGET __attribute__((target("arch=x86-64-v4")))
#define TUBECAM_HAS_WIDE() __builtin_cpu_supports("x86-64-v4")
#endif

// Promises that a pointer's memory is reached through no other one.
#define TUBECAM_RESTRICT __restrict__
