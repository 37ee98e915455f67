# Finds what memory:NVMM is made of: NvBufSurface, of JetPack or DeepStream, and EGL's headers.
#   NVMM_ROOT  a folder with nvbufsurface.h and libnvbufsurface.so, in it or in include/ and lib/;
#              also read from the environment
# Header and library must be of one version, that of the machine which the build is for: their
# structures have grown from version to version.

if(NOT TUBECAM_CUDA)
  message(FATAL_ERROR "TUBECAM_NVMM needs CUDA's kernels: add -DTUBECAM_CUDA=ON")
endif()
if(NOT TUBECAM_GSTREAMER)
  message(FATAL_ERROR "TUBECAM_NVMM is memory of GStreamer's buffers: add -DTUBECAM_GSTREAMER=ON")
endif()
set(roots "")
foreach(root "${NVMM_ROOT}" "$ENV{NVMM_ROOT}")
  if(root)
    list(APPEND roots ${root})
  endif()
endforeach()
# A root that is named hides the rest: header and library of two versions must not meet.
if(roots)
  set(places ${roots})
  set(only NO_DEFAULT_PATH)
else()
  set(places /usr/src/jetson_multimedia_api /opt/nvidia/deepstream/deepstream
      /usr/lib/aarch64-linux-gnu)
  set(only "")
endif()
find_path(NVMM_INCLUDE nvbufsurface.h HINTS ${places} PATH_SUFFIXES include sources/includes ${only})
find_library(NVMM_LIBRARY NAMES nvbufsurface libnvbufsurface.so.1.0.0 HINTS ${places}
             PATH_SUFFIXES lib nvidia tegra ${only})
find_path(EGL_INCLUDE EGL/egl.h)
set(missing "")
foreach(part "NVMM_INCLUDE nvbufsurface.h" "NVMM_LIBRARY libnvbufsurface.so"
        "EGL_INCLUDE EGL/egl.h")
  separate_arguments(part)
  list(GET part 0 variable)
  if(NOT ${variable})
    list(GET part 1 file)
    list(APPEND missing ${file})
  endif()
endforeach()
if(missing)
  list(JOIN missing ", " missing)
  list(JOIN places ", " places)
  message(FATAL_ERROR "TUBECAM_NVMM: ${missing} not found; looked in ${places} and, unless "
                      "NVMM_ROOT is set, the system's paths. On Jetson: apt install "
                      "nvidia-l4t-jetson-multimedia-api libegl-dev. On a desktop: install "
                      "DeepStream and libegl-dev. Or give -DNVMM_ROOT=…, or use -DTUBECAM_NVMM=OFF")
endif()

# Drivers of the OpenRM kind (JetPack 7's Thor) give CUDA's pointers without EGL, by functions that
# older headers lack.
include(CheckCXXSourceCompiles)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_REQUIRED_INCLUDES ${NVMM_INCLUDE})
check_cxx_source_compiles("
  #include <nvbufsurface.h>
  int try_it(NvBufSurface* surface) {
    NvBufSurfaceDeviceInfo info = {};
    NvBufSurfaceGPUL2SyncParams sync = {};
    return NvBufSurfaceGetDeviceInfo(&info) + NvBufSurfaceMapCudaBuffer(surface, 0) +
           NvBufSurfaceSyncGpuL2CacheForDevice(surface, 0, &sync);
  }" NVMM_HAS_OPENRM)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
message(STATUS "NVMM: ${NVMM_INCLUDE}, ${NVMM_LIBRARY}")
