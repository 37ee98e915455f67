// How an explanation's fields follow the picture.
#pragma once

#include <gst/gst.h>

#include "plugin/meta/picture_map.h"

namespace tubecam {

// Note [Following]
// Elements that change a picture ask each GstMeta to follow it. Those that know only that it is
// scaled (videoscale, videoconvert) say so with both sizes, and with GStreamer 1.28 they,
// videocrop, videobox, videoflip and compositor give a matrix. An element that reports neither
// leaves a meta behind whose tags name what was changed, as all of them did before 1.28 but for
// scaling; the stamp (frame_stamp.h), which has no tags, goes on, and shows that there was an
// explanation.
// The explanation that follows is the one that tubecam would have given for the new picture: places
// that are relative, cells in their order, boxes cut at the picture's edges.

// Of the custom meta (GstCustomMetaTransformFunction): copies it, or lets it follow. False where
// the new places cannot be known; the new buffer then has none.
gboolean transform_meta(GstBuffer* after, GstCustomMeta* meta, GstBuffer* before, GQuark type,
                        gpointer data, gpointer);

// Changes the fields of Note [Fields] that give places. width, height: pixels of the new picture.
void follow(GstStructure* fields, const PictureMap& map, int width, int height);

}  // namespace tubecam
