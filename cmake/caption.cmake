# Finds Pango and adds libtubecam_caption.so.

pkg_check_modules(PANGO QUIET IMPORTED_TARGET pangocairo)
if(NOT PANGO_FOUND)
  message(FATAL_ERROR "The headers of Pango are needed for captions: apt install libpango1.0-dev, "
                      "or leave them out with -DTUBECAM_CAPTION=OFF")
endif()
add_library(tubecam_caption SHARED
  csrc/overlay/caption/cached_overlay.cc
  csrc/overlay/caption/caption_draw.cc
  csrc/overlay/caption/caption_painter.cc
  csrc/overlay/caption/caption_words.cc
)
target_link_options(tubecam_caption PRIVATE ${link_rules})
target_link_libraries(tubecam_caption PRIVATE tubecam PkgConfig::PANGO)
set_target_properties(tubecam_caption PROPERTIES INSTALL_RPATH "$ORIGIN")
install_library(tubecam_caption)
