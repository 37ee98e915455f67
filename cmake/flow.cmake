# Finds OpenCV and adds libtubecam_flow.so; with AUTO only where it is found.

find_path(OPENCV_INCLUDE_DIR opencv2/video/tracking.hpp PATH_SUFFIXES opencv4)
find_library(OPENCV_VIDEO_LIBRARY opencv_video)
find_library(OPENCV_CORE_LIBRARY opencv_core)
if(OPENCV_INCLUDE_DIR AND OPENCV_VIDEO_LIBRARY AND OPENCV_CORE_LIBRARY)
  add_library(tubecam_flow SHARED csrc/clip/optical_flow/optical_flow_dis.cc)
  target_include_directories(tubecam_flow SYSTEM PRIVATE ${OPENCV_INCLUDE_DIR})
  target_link_options(tubecam_flow PRIVATE ${link_rules})
  target_link_libraries(tubecam_flow
    PRIVATE tubecam ${OPENCV_VIDEO_LIBRARY} ${OPENCV_CORE_LIBRARY})
  set_target_properties(tubecam_flow PROPERTIES INSTALL_RPATH "$ORIGIN")
  install_library(tubecam_flow)
elseif(NOT TUBECAM_FLOW STREQUAL "AUTO")
  message(FATAL_ERROR "OpenCV's headers are needed for optical flow: "
                      "apt install libopencv-video-dev, or leave it out with -DTUBECAM_FLOW=OFF")
endif()
