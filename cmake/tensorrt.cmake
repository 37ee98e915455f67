# Finds TensorRT: the system's (libnvinfer-dev, libnvonnxparsers-dev), or an unpacked archive.
#   TensorRT_ROOT  its folder, with include/ and lib/; TENSORRT_ROOT is the same, and both are also
#                  read from the environment

if(NOT TUBECAM_CUDA)
  message(FATAL_ERROR "TUBECAM_TENSORRT needs CUDA's kernels: add -DTUBECAM_CUDA=ON")
endif()
set(roots "")
foreach(root "${TensorRT_ROOT}" "${TENSORRT_ROOT}" "$ENV{TensorRT_ROOT}" "$ENV{TENSORRT_ROOT}")
  if(root)
    list(APPEND roots ${root})
  endif()
endforeach()
set(suffixes include lib lib64 targets/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu/lib
    ${CMAKE_LIBRARY_ARCHITECTURE} lib/${CMAKE_LIBRARY_ARCHITECTURE}
    include/${CMAKE_LIBRARY_ARCHITECTURE})
find_path(TENSORRT_INCLUDE NvInfer.h HINTS ${roots} PATH_SUFFIXES ${suffixes})
find_path(TENSORRT_PARSER_INCLUDE NvOnnxParser.h HINTS ${roots} PATH_SUFFIXES ${suffixes})
find_library(TENSORRT_LIBRARY nvinfer HINTS ${roots} PATH_SUFFIXES ${suffixes})
find_library(TENSORRT_PARSER_LIBRARY nvonnxparser HINTS ${roots} PATH_SUFFIXES ${suffixes})
foreach(part "TENSORRT_INCLUDE NvInfer.h" "TENSORRT_PARSER_INCLUDE NvOnnxParser.h"
        "TENSORRT_LIBRARY libnvinfer.so" "TENSORRT_PARSER_LIBRARY libnvonnxparser.so")
  separate_arguments(part)
  list(GET part 0 variable)
  if(NOT ${variable})
    list(GET part 1 file)
    list(APPEND missing ${file})
  endif()
endforeach()
if(missing)
  list(JOIN missing ", " missing)
  if(NOT roots)
    set(roots "(not set)")
  endif()
  message(FATAL_ERROR "TUBECAM_TENSORRT: ${missing} not found; looked in TensorRT_ROOT ${roots} "
                      "and the system's paths (such as /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} "
                      "and /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}). Install TensorRT 8.5 or newer "
                      "(apt install libnvinfer-dev libnvonnxparsers-dev), or give "
                      "-DTensorRT_ROOT=… of its archive, or use -DTUBECAM_TENSORRT=OFF")
endif()
foreach(header NvInferVersion.h NvInfer.h)
  if(EXISTS "${TENSORRT_INCLUDE}/${header}" AND NOT tensorrt_major)
    file(STRINGS "${TENSORRT_INCLUDE}/${header}" lines REGEX "#define (NV_TENSORRT|TRT)_M[AI][JN]OR")
    string(REGEX MATCH "MAJOR_?[A-Z]* ([0-9]+)" ignored "${lines}")
    set(tensorrt_major ${CMAKE_MATCH_1})
  endif()
endforeach()
message(STATUS "TensorRT ${tensorrt_major}: ${TENSORRT_INCLUDE}, ${TENSORRT_LIBRARY}")
