# Finds nvcc and says for which GPUs it compiles.
#   TUBECAM_CUDA_ARCHITECTURES  such as 87 or "75;86": compute capabilities without the dot
#   CMAKE_CUDA_COMPILER         nvcc, when neither PATH nor /usr/local/cuda has it

include(CheckLanguage)
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(nvcc nvcc HINTS /usr/local/cuda/bin ENV CUDA_HOME PATH_SUFFIXES bin)
  if(nvcc)
    set(CMAKE_CUDA_COMPILER ${nvcc} CACHE FILEPATH "CUDA's compiler")
  endif()
endif()
# Only a trial: each target names its own.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES OFF)
endif()
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "TUBECAM_CUDA needs nvcc, looked for in PATH, CUDACXX, CUDA_HOME and "
                      "/usr/local/cuda/bin: install CUDA's toolkit (on Jetson: apt install "
                      "nvidia-jetpack), give -DCMAKE_CUDA_COMPILER=…/bin/nvcc, or use "
                      "-DTUBECAM_CUDA=OFF")
endif()
enable_language(CUDA)

# What each toolkit compiles for, from Turing on (72: Jetson Xavier, 87: Orin, 101 and 110: Thor).
function(architectures_of_toolkit version result)
  if(version VERSION_LESS 11.4)
    message(FATAL_ERROR "nvcc ${version} is too old: 11.4 (JetPack 5) or newer is needed")
  elseif(version VERSION_LESS 11.8)
    set(known 72 75 80 86 87)
  elseif(version VERSION_LESS 12.8)
    set(known 72 75 80 86 87 89 90)
  elseif(version VERSION_LESS 12.9)
    set(known 72 75 80 86 87 89 90 100 101 120)
  elseif(version VERSION_LESS 13.0)
    set(known 72 75 80 86 87 89 90 100 101 103 120 121)
  else()
    set(known 75 80 86 87 88 89 90 100 103 110 120 121)
  endif()
  list(TRANSFORM known APPEND "-real")
  list(GET known -1 newest)
  string(REPLACE "-real" "-virtual" newest ${newest})  # newer GPUs compile this one themselves
  set(${result} ${known} ${newest} PARENT_SCOPE)
endfunction()

if(NOT TUBECAM_CUDA_ARCHITECTURES)
  architectures_of_toolkit(${CMAKE_CUDA_COMPILER_VERSION} TUBECAM_CUDA_ARCHITECTURES)
endif()
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION}: kernels for ${TUBECAM_CUDA_ARCHITECTURES}")
string(APPEND CMAKE_CUDA_FLAGS " -Xcompiler=-Wall,-Wextra -Xptxas=-v")
if(TUBECAM_WERROR)
  string(APPEND CMAKE_CUDA_FLAGS " -Werror=all-warnings")
endif()
