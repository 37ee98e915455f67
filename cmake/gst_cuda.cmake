# Finds what memory:CUDAMemory is made of: GStreamer's own CUDA library, 1.24 or newer.
#   PKG_CONFIG_PATH  in the environment, for a GStreamer that is not the system's

if(NOT TUBECAM_CUDA)
  message(FATAL_ERROR "TUBECAM_GST_CUDA needs CUDA's kernels: add -DTUBECAM_CUDA=ON")
endif()
if(NOT TUBECAM_GSTREAMER)
  message(FATAL_ERROR "TUBECAM_GST_CUDA is memory of GStreamer's buffers: add "
                      "-DTUBECAM_GSTREAMER=ON")
endif()
pkg_check_modules(GST_CUDA QUIET IMPORTED_TARGET gstreamer-cuda-1.0>=1.24)
if(NOT GST_CUDA_FOUND)
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --modversion gstreamer-cuda-1.0
    OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(version)
    set(found "only ${version} was found")
  else()
    set(found "none was found")
  endif()
  message(FATAL_ERROR "TUBECAM_GST_CUDA: pkg-config was asked for gstreamer-cuda-1.0 of 1.24 or "
                      "newer, and ${found} (PKG_CONFIG_PATH=$ENV{PKG_CONFIG_PATH}). apt install "
                      "libgstreamer-plugins-bad1.0-dev (Ubuntu 24.04, Debian 13 or newer), or use "
                      "-DTUBECAM_GST_CUDA=OFF")
endif()
message(STATUS "GStreamer's CUDA library ${GST_CUDA_VERSION}")
