# What is installed where.
#   cmake --install BUILD --prefix PREFIX   libraries, headers, the CMake package, tubecam.pc
#   … --component wheel                     the Python package's folder, for setup.py alone

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Installs a library of ours beside the others, or in a folder there. The wheel has each library
# once: it would hold a copy for every link.
function(install_library target)
  install(TARGETS ${target} LIBRARY DESTINATION tubecam/lib/${ARGN} COMPONENT wheel EXCLUDE_FROM_ALL
          NAMELINK_SKIP)
  if(target STREQUAL "tubecam")
    set(export EXPORT tubecamTargets)
  endif()
  install(TARGETS ${target} ${export} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/${ARGN})
endfunction()

# The public headers are explain/explainer.h and what it includes. They are installed below
# include/tubecam and include each other from there, so that no other library's `base` is met.
function(install_headers header)
  get_property(known GLOBAL PROPERTY tubecam_headers)
  if(header IN_LIST known)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY tubecam_headers ${header})
  file(READ csrc/${header} text)
  string(REPLACE "#include \"" "#include \"tubecam/" public_text "${text}")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/include/tubecam/${header} CONTENT "${public_text}"
       @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS csrc/${header})
  string(REGEX MATCHALL "#include \"[^\"]+" includes "${text}")
  foreach(include IN LISTS includes)
    string(REPLACE "#include \"" "" include "${include}")
    install_headers(${include})
  endforeach()
endfunction()

file(REMOVE_RECURSE ${CMAKE_BINARY_DIR}/include)
install_headers(explain/explainer.h)
install(DIRECTORY ${CMAKE_BINARY_DIR}/include/tubecam DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# find_package(tubecam), target tubecam::tubecam. Before 1.0 a minor version may change everything.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tubecam)
configure_package_config_file(cmake/tubecamConfig.cmake.in tubecamConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(tubecamConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT tubecamTargets NAMESPACE tubecam:: DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tubecamConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/tubecamConfigVersion.cmake DESTINATION ${package_folder})

# pkg-config's, which finds the prefix from where it lies.
file(RELATIVE_PATH prefix_from_here "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" prefix_from_here "${prefix_from_here}")
configure_file(cmake/tubecam.pc.in tubecam.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tubecam.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The small trained bundle.
function(install_bundle)
  install(DIRECTORY engines/motion ${ARGN} OPTIONAL
    FILES_MATCHING PATTERN "*.json" PATTERN "*.onnx" PATTERN "*.data" PATTERN "*.txt")
endfunction()
install_bundle(DESTINATION tubecam/engines COMPONENT wheel EXCLUDE_FROM_ALL)
install_bundle(DESTINATION ${CMAKE_INSTALL_DATADIR}/tubecam/engines)
