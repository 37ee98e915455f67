#include "plugin/meta.h"

#include <gst/video/video.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tubecam {
namespace {

template <typename T>
void set_bytes(GstStructure* fields, const char* name, const std::vector<T>& values) {
  GBytes* bytes = g_bytes_new(values.data(), values.size() * sizeof(T));
  gst_structure_set(fields, name, G_TYPE_BYTES, bytes, nullptr);
  g_bytes_unref(bytes);
}

void set_boxes(GstStructure* fields, const std::vector<Box>& boxes) {
  std::vector<float> values;
  for (const Box& box : boxes) {
    values.insert(values.end(), {box.x, box.y, box.width, box.height, box.value});
  }
  set_bytes(fields, "boxes", values);
}

Box relative_source(const Window& window) {
  const double width = std::max(window.frame_width, 1), height = std::max(window.frame_height, 1);
  Box source;
  source.x = static_cast<float>(window.source.x / width);
  source.y = static_cast<float>(window.source.y / height);
  source.width = static_cast<float>(window.source.width / width);
  source.height = static_cast<float>(window.source.height / height);
  return source;
}

void describe_result(GstStructure* fields, const Explanation& e) {
  gst_structure_set(fields, "label", G_TYPE_STRING, e.label_name.c_str(), "label-index", G_TYPE_INT,
                    static_cast<int>(e.label), "score", G_TYPE_DOUBLE, double{e.score}, "target",
                    G_TYPE_STRING, e.target_name.c_str(), "target-index", G_TYPE_INT,
                    static_cast<int>(e.target), nullptr);
  set_bytes(fields, "logits", e.logits);
  set_bytes(fields, "window-pts", e.window.pts);
}

void describe_pathways(GstStructure* fields, const std::vector<Pathway>& pathways) {
  if (pathways.empty()) return;
  gst_structure_set(fields, "pathways", G_TYPE_INT, int(pathways.size()), nullptr);
  for (size_t i = 0; i < pathways.size(); ++i) {
    const Pathway& pathway = pathways[i];
    const std::string prefix = "pathway-" + std::to_string(i) + "-";
    const auto set = [&](const char* name, GType type, auto value) {
      gst_structure_set(fields, (prefix + name).c_str(), type, value, nullptr);
    };
    set("name", G_TYPE_STRING, pathway.name.c_str());
    set("layer", G_TYPE_STRING, pathway.layer.c_str());
    set("of-flow", G_TYPE_BOOLEAN, gboolean{pathway.of_flow});
    set_bytes(fields, (prefix + "tube").c_str(), pathway.tube);
    const char* axes[] = {"t", "y", "x"};
    const char* sizes[] = {"t", "h", "w"};
    for (size_t axis = 0; axis < 3; ++axis) {
      set(sizes[axis], G_TYPE_INT, pathway.shape[axis]);
      set((std::string("stride-") + axes[axis]).c_str(), G_TYPE_DOUBLE, pathway.stride[axis]);
      set((std::string("offset-") + axes[axis]).c_str(), G_TYPE_DOUBLE, pathway.offset[axis]);
    }
    set("relevance-sum", G_TYPE_DOUBLE, pathway.relevance_sum);
    set("share", G_TYPE_DOUBLE, pathway.share);
  }
}

void describe_tube(GstStructure* fields, const Explanation& e) {
  set_bytes(fields, "tube", e.tube);
  set_bytes(fields, "curve", e.curve);
  describe_pathways(fields, e.pathways);
  if (!e.motion.empty()) set_bytes(fields, "motion", e.motion);
  if (!e.motion_by.empty()) {
    gst_structure_set(fields, "motion-share", G_TYPE_DOUBLE, e.motion_share, "motion-by",
                      G_TYPE_STRING, e.motion_by.c_str(), nullptr);
  }
  gst_structure_set(fields, "tube-t", G_TYPE_INT, e.shape[0], "tube-h", G_TYPE_INT, e.shape[1],
                    "tube-w", G_TYPE_INT, e.shape[2], "stride-t", G_TYPE_DOUBLE, e.stride[0],
                    "stride-y", G_TYPE_DOUBLE, e.stride[1], "stride-x", G_TYPE_DOUBLE, e.stride[2],
                    "offset-t", G_TYPE_DOUBLE, e.offset[0], "offset-y", G_TYPE_DOUBLE, e.offset[1],
                    "offset-x", G_TYPE_DOUBLE, e.offset[2], nullptr);
}

void describe_place(GstStructure* fields, const Explanation& e, const ClipSpec& spec) {
  const Rect& source = e.window.source;
  const double width = std::max(e.window.frame_width, 1);
  const double height = std::max(e.window.frame_height, 1);
  gst_structure_set(fields, "clip-length", G_TYPE_INT, spec.length, "clip-height", G_TYPE_INT,
                    spec.height, "clip-width", G_TYPE_INT, spec.width, "crop-x", G_TYPE_DOUBLE,
                    source.x / width, "crop-y", G_TYPE_DOUBLE, source.y / height, "crop-width",
                    G_TYPE_DOUBLE, source.width / width, "crop-height", G_TYPE_DOUBLE,
                    source.height / height, nullptr);
}

void describe_peak(GstStructure* fields, const Explanation& e) {
  gst_structure_set(fields, "peak-value", G_TYPE_DOUBLE, double{e.peak.value}, "peak-slice",
                    G_TYPE_DOUBLE, e.peak.slice, "peak-y", G_TYPE_DOUBLE, e.peak.y, "peak-x",
                    G_TYPE_DOUBLE, e.peak.x, "peak-frame-y", G_TYPE_DOUBLE, double{e.peak_point.y},
                    "peak-frame-x", G_TYPE_DOUBLE, double{e.peak_point.x}, "peak-pts",
                    G_TYPE_UINT64, static_cast<guint64>(e.peak_pts), nullptr);
  set_boxes(fields, e.boxes);
}

void describe_receipt(GstStructure* fields, const Receipt& receipt, const Timings& timings) {
  gst_structure_set(fields, "method", G_TYPE_STRING, receipt.method.c_str(), "layer", G_TYPE_STRING,
                    receipt.layer.c_str(), "engine", G_TYPE_STRING, receipt.engine.c_str(),
                    "precision", G_TYPE_STRING, receipt.precision.c_str(), "relevance-sum",
                    G_TYPE_DOUBLE, receipt.relevance_sum, "logit", G_TYPE_DOUBLE, receipt.logit,
                    "export-error", G_TYPE_DOUBLE, receipt.export_error, "conservation",
                    G_TYPE_DOUBLE, receipt.conservation, "baseline-logit", G_TYPE_DOUBLE,
                    receipt.baseline_logit, "passes", G_TYPE_INT, receipt.passes, "map-correlation",
                    G_TYPE_DOUBLE, receipt.map_correlation, "drifts", G_TYPE_BOOLEAN,
                    static_cast<gboolean>(receipt.drifts), "preprocess-ms", G_TYPE_DOUBLE,
                    timings.preprocess, "engine-ms", G_TYPE_DOUBLE, timings.engine, "explain-ms",
                    G_TYPE_DOUBLE, timings.explain, nullptr);
  if (receipt.class_specific)
    gst_structure_set(fields, "class-specific", G_TYPE_BOOLEAN, gboolean{*receipt.class_specific},
                      nullptr);
  const auto set_if_told = [&](const char* name, const std::string& text) {
    if (!text.empty()) gst_structure_set(fields, name, G_TYPE_STRING, text.c_str(), nullptr);
  };
  set_if_told("downgraded-from", receipt.downgraded_from);
  set_if_told("fell-back-from", receipt.fell_back_from);
}

void describe_marks(GstStructure* fields, const std::vector<Mark>& marks) {
  gst_structure_set(fields, "marks", G_TYPE_INT, int(marks.size()), nullptr);
  for (size_t i = 0; i < marks.size(); ++i) {
    const std::string prefix = "mark-" + std::to_string(i) + "-";
    gst_structure_set(fields, (prefix + "key").c_str(), G_TYPE_STRING, marks[i].key.c_str(),
                      (prefix + "text").c_str(), G_TYPE_STRING, marks[i].text.c_str(), nullptr);
  }
}

void describe_signal(GstStructure* fields, const std::vector<RelevanceSignal::Sample>& signal) {
  std::vector<int64_t> times;
  std::vector<float> values;
  for (const RelevanceSignal::Sample& sample : signal) {
    times.push_back(sample.pts);
    values.push_back(sample.value);
  }
  set_bytes(fields, "signal-pts", times);
  set_bytes(fields, "signal", values);
}

gboolean copy_field(GQuark name, const GValue* value, gpointer target) {
  gst_structure_id_set_value(static_cast<GstStructure*>(target), name, value);
  return TRUE;
}

std::vector<Box> boxes_at(const Explanation& e, const ClipSpec& spec, double slice,
                          float threshold) {
  if (!e.valid || e.peak.value <= 0) return {};
  const TubeView tube = e.view();
  std::vector<float> plane(size_t{1} * tube.h * tube.w);
  tube_plane(tube, slice, plane.data());
  return plane_boxes(plane.data(), tube, spec.height, spec.width, relative_source(e.window),
                     threshold * e.peak.value);
}

void add_region(GstBuffer* buffer, int id, const Box& box, const FrameFacts& facts,
                const Explanation& e) {
  const auto pixels = [](double share, int size) {
    return static_cast<guint>(std::lround(std::clamp(share, 0.0, 1.0) * size));
  };
  const guint x = pixels(box.x, facts.width), y = pixels(box.y, facts.height);
  GstVideoRegionOfInterestMeta* region = gst_buffer_add_video_region_of_interest_meta(
      buffer, kMetaName, x, y, pixels(double{box.x} + box.width, facts.width) - x,
      pixels(double{box.y} + box.height, facts.height) - y);
  region->id = id;
  gst_video_region_of_interest_meta_add_param(
      region, gst_structure_new(kMetaName, "label", G_TYPE_STRING, e.label_name.c_str(), "score",
                                G_TYPE_DOUBLE, double{e.score}, "relevance", G_TYPE_DOUBLE,
                                double{box.value}, nullptr));
}

void remove_older(GstBuffer* buffer) {
  while (GstCustomMeta* older = gst_buffer_get_custom_meta(buffer, kMetaName)) {
    gst_buffer_remove_meta(buffer, &older->meta);
  }
  const GQuark type = g_quark_from_static_string(kMetaName);
  gpointer state = nullptr;
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    if (reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta)->roi_type != type) continue;
    gst_buffer_remove_meta(buffer, meta);
    state = nullptr;  // the iterator may have stood on it
  }
}

}  // namespace

void register_meta() {
  static const gchar* no_tags[] = {nullptr};
  static gsize once = 0;
  if (!g_once_init_enter(&once)) return;
  gst_meta_register_custom(kMetaName, no_tags, nullptr, nullptr, nullptr);
  g_once_init_leave(&once, 1);
}

GstStructure* describe(const Explanation& explanation, const Bundle& bundle, float threshold) {
  GstStructure* fields =
      gst_structure_new(kMetaName, "valid", G_TYPE_BOOLEAN, explanation.valid, "bundle",
                        G_TYPE_STRING, bundle.name.c_str(), "window", G_TYPE_UINT64,
                        static_cast<guint64>(explanation.window.sequence), "threshold",
                        G_TYPE_DOUBLE, double{threshold}, nullptr);
  if (!explanation.valid) {
    gst_structure_set(fields, "problem", G_TYPE_STRING, explanation.problem.c_str(), nullptr);
  }
  describe_result(fields, explanation);
  describe_tube(fields, explanation);
  describe_place(fields, explanation, bundle.clip);
  describe_peak(fields, explanation);
  describe_receipt(fields, explanation.receipt, explanation.timings);
  describe_marks(fields, marks(explanation));
  describe_signal(fields, explanation.signal);
  return fields;
}

void attach(GstBuffer* buffer, const GstStructure* fields, const Explanation& explanation,
            const ClipSpec& spec, const FrameFacts& facts) {
  remove_older(buffer);
  GstStructure* own = gst_custom_meta_get_structure(gst_buffer_add_custom_meta(buffer, kMetaName));
  gst_structure_foreach(fields, copy_field, own);
  const double slice = slice_at(explanation.window, facts.pts);
  const std::vector<int64_t>& times = explanation.window.pts;
  const bool inside = times.front() <= facts.pts && facts.pts <= times.back();
  gst_structure_set(own, "timestamp", G_TYPE_UINT64, static_cast<guint64>(facts.pts), "slice",
                    G_TYPE_DOUBLE, slice, "inside", G_TYPE_BOOLEAN, inside, "threshold",
                    G_TYPE_DOUBLE, double{facts.threshold}, nullptr);
  const std::vector<Box> boxes = boxes_at(explanation, spec, slice, facts.threshold);
  set_boxes(own, boxes);
  int id = 0;
  for (const Box& box : boxes) add_region(buffer, id++, box, facts, explanation);
}

}  // namespace tubecam
