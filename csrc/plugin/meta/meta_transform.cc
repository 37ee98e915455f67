#include "plugin/meta/meta_transform.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "plugin/meta/meta.h"
#include "plugin/meta/meta_fields.h"
#include "plugin/meta/regions.h"

namespace tubecam {
namespace {

// How the fields of one tube are named: "tube-t", "stride-y", or "pathway-0-t",
// "pathway-0-stride-y".
struct TubeNames {
  std::string prefix, sizes;
  std::vector<std::string> arrays;
};

TubeNames pathway_tube(int index) {
  const std::string prefix = "pathway-" + std::to_string(index) + "-";
  return {prefix, prefix, {prefix + "tube"}};
}

// [t, h, w] → the same cells as they lie in the new picture.
std::vector<float> moved_cells(const std::vector<float>& cells, int t, int h, int w,
                               const PictureMap& map) {
  const int new_h = map.turned ? w : h, new_w = map.turned ? h : w;
  std::vector<float> moved(cells.size());
  size_t next = 0;
  for (int slice = 0; slice < t; ++slice) {
    for (int row = 0; row < new_h; ++row) {
      for (int column = 0; column < new_w; ++column, ++next) {
        int y = map.scale_y < 0 ? new_h - 1 - row : row;
        int x = map.scale_x < 0 ? new_w - 1 - column : column;
        if (map.turned) std::swap(y, x);
        moved[next] = cells[(size_t(slice) * h + y) * w + x];
      }
    }
  }
  return moved;
}

// A place in clip pixels, counted from the other end.
double mirrored(double place, int size) { return size - 1 - place; }

void move_tube(GstStructure* fields, const TubeNames& names, const PictureMap& map, int clip_height,
               int clip_width) {
  const std::string &p = names.prefix, &size = names.sizes;
  const int t = int_field(fields, size + "t"), h = int_field(fields, size + "h");
  const int w = int_field(fields, size + "w");
  for (const std::string& name : names.arrays) {
    const std::vector<float> cells = floats_field(fields, name);
    if (!cells.empty() && cells.size() == size_t(t) * h * w)
      set_floats(fields, name, moved_cells(cells, t, h, w, map));
  }
  double stride_y = double_field(fields, p + "stride-y");
  double stride_x = double_field(fields, p + "stride-x");
  double offset_y = double_field(fields, p + "offset-y");
  double offset_x = double_field(fields, p + "offset-x");
  int rows = h, columns = w;
  if (map.turned) {
    std::swap(stride_y, stride_x);
    std::swap(offset_y, offset_x);
    std::swap(rows, columns);
  }
  if (map.scale_y < 0) offset_y = mirrored(offset_y + stride_y * (rows - 1), clip_height);
  if (map.scale_x < 0) offset_x = mirrored(offset_x + stride_x * (columns - 1), clip_width);
  set_fields(fields, {{size + "h", rows},
                      {size + "w", columns},
                      {p + "stride-y", stride_y},
                      {p + "stride-x", stride_x},
                      {p + "offset-y", offset_y},
                      {p + "offset-x", offset_x}});
}

// What lies in clip pixels: the clip is seen as the picture is now.
void move_cells(GstStructure* fields, const PictureMap& map) {
  int height = int_field(fields, "clip-height"), width = int_field(fields, "clip-width");
  double y = double_field(fields, "peak-y"), x = double_field(fields, "peak-x");
  if (map.turned) {
    std::swap(height, width);
    std::swap(y, x);
  }
  if (map.scale_y < 0) y = mirrored(y, height);
  if (map.scale_x < 0) x = mirrored(x, width);
  set_fields(fields, {{"clip-height", height}, {"clip-width", width}});
  set_fields(fields, {{"peak-y", y}, {"peak-x", x}});
  move_tube(fields, {"", "tube-", {"tube", "motion"}}, map, height, width);
  const int pathways = int_field(fields, "pathways");
  for (int i = 0; i < pathways; ++i) move_tube(fields, pathway_tube(i), map, height, width);
}

void move_crop(GstStructure* fields, const PictureMap& map) {
  const Rect crop =
      map.apply(Rect{double_field(fields, "crop-x"), double_field(fields, "crop-y"),
                     double_field(fields, "crop-width"), double_field(fields, "crop-height")});
  double y = double_field(fields, "peak-frame-y"), x = double_field(fields, "peak-frame-x");
  map.apply(&x, &y);
  set_fields(fields, {{"crop-x", crop.x},
                      {"crop-y", crop.y},
                      {"crop-width", crop.width},
                      {"crop-height", crop.height},
                      {"peak-frame-y", y},
                      {"peak-frame-x", x}});
}

void move_boxes(GstStructure* fields, const PictureMap& map) {
  std::vector<Box> seen;
  for (const Box& box : boxes_field(fields)) {
    const Rect moved = map.apply(Rect{box.x, box.y, box.width, box.height});
    const double left = std::max(moved.x, 0.0), right = std::min(moved.x + moved.width, 1.0);
    const double top = std::max(moved.y, 0.0), bottom = std::min(moved.y + moved.height, 1.0);
    if (left < right && top < bottom)
      seen.push_back(
          {float(left), float(top), float(right - left), float(bottom - top), box.value});
  }
  set_boxes(fields, seen);
}

std::optional<PictureMap> map_of(GQuark type, gpointer data, const GstVideoInfo** after) {
  if (type == gst_video_meta_transform_scale_get_quark()) {
    const auto* scaling = static_cast<const GstVideoMetaTransform*>(data);
    *after = scaling->out_info;
    return map_of_scaling(*scaling->in_info, *scaling->out_info);
  }
  static const GQuark matrix_type = g_quark_from_static_string(kMatrixTransform);
  if (type != matrix_type) return std::nullopt;
  const auto* matrix = static_cast<const PictureMatrix*>(data);
  *after = matrix->after;
  return map_of_matrix(*matrix);
}

// False: what happens to the picture is nothing that the meta can follow.
bool transform(GstBuffer* after, GstCustomMeta* meta, GstBuffer* before, GQuark type,
               gpointer data) {
  const GstStructure* fields = gst_custom_meta_get_structure(meta);
  if (GST_META_TRANSFORM_IS_COPY(type)) {
    copy_fields(fields, add_meta(after));
    return true;
  }
  const GstVideoInfo* info = nullptr;
  const std::optional<PictureMap> map = map_of(type, data, &info);
  if (!map) return false;
  GstStructure* own = add_meta(after);
  copy_fields(fields, own);
  follow(own, *map, GST_VIDEO_INFO_WIDTH(info), GST_VIDEO_INFO_HEIGHT(info));
  restore_region_parameters(after, before);  // which come before this meta
  return true;
}

}  // namespace

void follow(GstStructure* fields, const PictureMap& map, int width, int height) {
  if (map.moves_cells()) move_cells(fields, map);
  move_crop(fields, map);
  move_boxes(fields, map);
  set_fields(fields, {{"frame-width", width}, {"frame-height", height}});
}

gboolean transform_meta(GstBuffer* after, GstCustomMeta* meta, GstBuffer* before, GQuark type,
                        gpointer data, gpointer) {
  try {
    return transform(after, meta, before, type, data);
  } catch (...) {  // no memory: the meta is lost, which tubeoverlay reports
    return FALSE;
  }
}

}  // namespace tubecam
