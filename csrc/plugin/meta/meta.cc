#include "plugin/meta/meta.h"

#include <gst/video/video.h>

#include <algorithm>
#include <vector>

#include "explain/scores.h"
#include "plugin/meta/meta_fields.h"
#include "plugin/meta/meta_transform.h"
#include "plugin/meta/regions.h"

namespace tubecam {
namespace {

Box relative_source(const Window& window) {
  const double width = std::max(window.frame_width, 1), height = std::max(window.frame_height, 1);
  Box source;
  source.x = static_cast<float>(window.source.x / width);
  source.y = static_cast<float>(window.source.y / height);
  source.width = static_cast<float>(window.source.width / width);
  source.height = static_cast<float>(window.source.height / height);
  return source;
}

// Of a head that judges each class by itself: what else is there, besides the label.
std::string also_present(const Explanation& e, const std::vector<std::string>& labels) {
  std::string also;
  for (const size_t i : present_classes(e.scores, e.head)) {
    if (int64_t(i) == e.label) continue;
    also += (also.empty() ? "" : ", ") + labels[i] + " " + score_text(e.scores[i], e.head);
  }
  return also;
}

void describe_result(GstStructure* fields, const Explanation& e, const Bundle& bundle) {
  gst_structure_set(fields, "label", G_TYPE_STRING, e.label_name.c_str(), "label-index", G_TYPE_INT,
                    static_cast<int>(e.label), "score", G_TYPE_DOUBLE, double{e.score}, "target",
                    G_TYPE_STRING, e.target_name.c_str(), "target-index", G_TYPE_INT,
                    static_cast<int>(e.target), nullptr);
  set_numbers(fields, "logits", e.logits);
  set_numbers(fields, "scores", e.scores);
  gst_structure_set(fields, "head", G_TYPE_STRING, to_string(e.head), nullptr);
  const std::string also = also_present(e, bundle.labels);
  if (!also.empty()) gst_structure_set(fields, "also", G_TYPE_STRING, also.c_str(), nullptr);
  set_numbers(fields, "window-pts", e.window.pts);
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
    set_numbers(fields, prefix + "tube", pathway.tube);
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
  set_numbers(fields, "tube", e.tube);
  set_numbers(fields, "curve", e.curve);
  describe_pathways(fields, e.pathways);
  if (!e.motion.empty()) set_numbers(fields, "motion", e.motion);
  if (!e.motion_by.empty()) {
    gst_structure_set(fields, "motion-share", G_TYPE_DOUBLE, e.motion_share, "motion-by",
                      G_TYPE_STRING, e.motion_by.c_str(), nullptr);
  }
  gst_structure_set(fields, "tube-t", G_TYPE_INT, e.shape[0], "tube-h", G_TYPE_INT, e.shape[1],
                    "tube-w", G_TYPE_INT, e.shape[2], "stride-t", G_TYPE_DOUBLE, e.stride[0],
                    "stride-y", G_TYPE_DOUBLE, e.stride[1], "stride-x", G_TYPE_DOUBLE, e.stride[2],
                    "offset-t", G_TYPE_DOUBLE, e.offset[0], "offset-y", G_TYPE_DOUBLE, e.offset[1],
                    "offset-x", G_TYPE_DOUBLE, e.offset[2], nullptr);
  if (const auto& field = e.receipt.receptive_field) {
    gst_structure_set(fields, "field-t", G_TYPE_DOUBLE, (*field)[0], "field-y", G_TYPE_DOUBLE,
                      (*field)[1], "field-x", G_TYPE_DOUBLE, (*field)[2], nullptr);
  }
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
  const Sampling& sampling = e.window.sampling;
  gst_structure_set(fields, "sample-fps", G_TYPE_DOUBLE, sampling.fps, "stated-fps", G_TYPE_DOUBLE,
                    sampling.stated_fps, "padding", G_TYPE_STRING,
                    name_of(kPaddings, sampling.padding), "padded", G_TYPE_INT, sampling.padded,
                    nullptr);
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
  gst_structure_set(
      fields, "method", G_TYPE_STRING, receipt.method.c_str(), "layer", G_TYPE_STRING,
      receipt.layer.c_str(), "unit", G_TYPE_STRING, receipt.unit.c_str(), "engine", G_TYPE_STRING,
      receipt.engine.c_str(), "precision", G_TYPE_STRING, receipt.precision.c_str(),
      "relevance-sum", G_TYPE_DOUBLE, receipt.relevance_sum, "logit", G_TYPE_DOUBLE, receipt.logit,
      "export-error", G_TYPE_DOUBLE, receipt.export_error, "conservation", G_TYPE_DOUBLE,
      receipt.conservation, "baseline-logit", G_TYPE_DOUBLE, receipt.baseline_logit, "passes",
      G_TYPE_INT, receipt.passes, "map-correlation", G_TYPE_DOUBLE, receipt.map_correlation,
      "drifts", G_TYPE_BOOLEAN, static_cast<gboolean>(receipt.exceeds_drift_limit), "preprocess-ms",
      G_TYPE_DOUBLE, timings.preprocess, "engine-ms", G_TYPE_DOUBLE, timings.engine, "explain-ms",
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
  set_numbers(fields, "signal-pts", times);
  set_numbers(fields, "signal", values);
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

void remove_older(GstBuffer* buffer) {
  while (GstCustomMeta* older = gst_buffer_get_custom_meta(buffer, kMetaName)) {
    gst_buffer_remove_meta(buffer, &older->meta);
  }
  remove_regions(buffer);
}

}  // namespace

void register_meta() {
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                                GST_META_TAG_VIDEO_ORIENTATION_STR, nullptr};
  static gsize once = 0;
  if (!g_once_init_enter(&once)) return;
  gst_meta_register_custom(kMetaName, tags, transform_meta, nullptr, nullptr);
  g_once_init_leave(&once, 1);
}

GstStructure* add_meta(GstBuffer* buffer) {
  return gst_custom_meta_get_structure(gst_buffer_add_custom_meta(buffer, kMetaName));
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
  describe_result(fields, explanation, bundle);
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
  const double slice = slice_at(explanation.window, facts.pts);
  const std::vector<Box> boxes = boxes_at(explanation, spec, slice, facts.threshold);
  add_regions(buffer, boxes,
              {explanation.label_name.c_str(), explanation.score,
               explanation.head != HeadKind::kScores, facts.width, facts.height});
  GstStructure* own = add_meta(buffer);  // after the regions: see restore_region_parameters()
  copy_fields(fields, own);
  const std::vector<int64_t>& times = explanation.window.pts;
  const bool inside = times.front() <= facts.pts && facts.pts <= times.back();
  gst_structure_set(own, "timestamp", G_TYPE_UINT64, static_cast<guint64>(facts.pts), "slice",
                    G_TYPE_DOUBLE, slice, "inside", G_TYPE_BOOLEAN, inside, "threshold",
                    G_TYPE_DOUBLE, double{facts.threshold}, nullptr);
  set_ints(own, {{"frame-width", facts.width}, {"frame-height", facts.height}});
  set_boxes(own, boxes);
}

}  // namespace tubecam
