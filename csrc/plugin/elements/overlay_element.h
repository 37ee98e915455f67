/**
 * element-tubeoverlay
 *
 * Draws what `tubecam` attached: the heat of the tube at each frame's own time, exactly where the
 * model's crop was taken, the label with its score, and the tube's course over the window with a
 * mark at the frame's place.
 *
 * ## Example pipelines
 * |[
 * gst-launch-1.0 filesrc location=video.mp4 ! decodebin ! tubecam bundle=engines/motion !
 * tubeoverlay color-map=inferno alpha=0.5 ! videoconvert ! autovideosink
 * ]|
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! tubecam ! videoscale ! video/x-raw,width=320,height=240 !
 * tubeoverlay ! videoconvert ! autovideosink
 * ]| Scaled in between: the explanation follows, so heat stays in place.
 *
 * With `show=auto` colour shows how much of the relevance is motion where the explanation knows it
 * (blue: still, orange: moving), and opacity how much relevance there is; `show=heat` keeps colour
 * for heat. The strip is the fused relevance of all windows so far, with its key frames marked.
 *
 * A cell has full heat when it holds several times an even share of the decision, or as much as
 * the stream's highest peaks of late (Note [Full heat] in csrc/overlay/heat/full_heat.h): evidence
 * that is weak or lies everywhere looks weak. The legend says what full heat stands for. Scale and
 * heat are smoothed in time, so that nothing flickers when one window replaces another; `scale`
 * fixes it, for pictures that are to be compared. Tubes of fewer than five rows or columns are
 * drawn as the blocks that they are. A frame without an explanation passes untouched; an
 * explanation that is not valid shows its reason and no heat. All properties can be changed while
 * playing.
 *
 * Heat is drawn at the right place or not at all: where an element between `tubecam` and this one
 * changed the picture without reporting how, or no `tubecam` has seen the frame, a warning says so
 * once, and frames pass untouched.
 *
 * Frames in `memory:NVMM` and `memory:CUDAMemory`, as far as they were built, are drawn on where
 * they lie, and are done when they are pushed on. A surface of `memory:NVMM` that another branch
 * holds, too, passes untouched with a warning.
 */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS
G_DECLARE_FINAL_TYPE(GstTubeOverlay, gst_tube_overlay, GST, TUBE_OVERLAY, GstBaseTransform)
G_END_DECLS
