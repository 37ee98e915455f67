# Finds OpenVINO, in the version that pyproject.toml pins, and adds libtubecam_openvino.so.
#   OpenVINO_DIR  its CMake package, when it is not that of the found Python

if(NOT OpenVINO_DIR OR NOT EXISTS "${OpenVINO_DIR}")
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c "import openvino.utils as u; print(u.get_cmake_path())"
    OUTPUT_VARIABLE openvino_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(OpenVINO_DIR "${openvino_dir}" CACHE PATH "OpenVINO's CMake package" FORCE)
endif()
# An engine runs with the version that it was built with, and no other.
file(STRINGS pyproject.toml openvino_line REGEX "^ *\"openvino==")
string(REGEX REPLACE ".*==([0-9.]+).*" "\\1" openvino_version "${openvino_line}")
find_package(OpenVINO ${openvino_version} EXACT QUIET COMPONENTS Runtime)
if(NOT OpenVINO_FOUND)
  message(FATAL_ERROR "${Python_EXECUTABLE} has no OpenVINO ${openvino_version} "
                      "(found: ${OpenVINO_CONSIDERED_VERSIONS}): "
                      "pip install openvino==${openvino_version}, "
                      "or leave the engine out with -DTUBECAM_OPENVINO=OFF")
endif()
add_library(tubecam_openvino SHARED
  csrc/engine/openvino/channels_last.cc
  csrc/engine/openvino/convolution_op.cc
  csrc/engine/openvino/engine_openvino.cc
  csrc/engine/openvino/rewrite_convolutions.cc
  csrc/engine/openvino/snippets.cc
  csrc/engine/openvino/float16_to_float32.cc
)
target_link_options(tubecam_openvino PRIVATE ${link_rules})
target_link_libraries(tubecam_openvino PRIVATE tubecam openvino::runtime)
# Beside it as wheels lie beside each other, or where it is.
set(openvino_runpath "$ORIGIN;$ORIGIN/../../openvino/libs")
if(NOT TUBECAM_RELOCATABLE)
  list(APPEND openvino_runpath $<TARGET_FILE_DIR:openvino::runtime>)
endif()
set_target_properties(tubecam_openvino PROPERTIES INSTALL_RPATH "${openvino_runpath}")
install_library(tubecam_openvino)
