// A bundle on disk: the sidecar, read and verified (engines/README.md).
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/clip_spec.h"
#include "bundle/head.h"

namespace tubecam {

struct LayerSpec {
  std::string name;
  std::array<int, 4> shape{};      // C, t, h, w
  std::array<double, 3> stride{};  // t (sampled frames), y, x (input pixels)
  std::array<double, 3> offset{};
  std::optional<std::array<double, 3>> receptive_field;  // of a cell; older bundles lack it

  size_t cells() const { return size_t(shape[1]) * size_t(shape[2]) * size_t(shape[3]); }
};

// One explained layer of a model: of several, a stream, a rate of frames or a group of channels. Or
// one of its inputs.
struct ExplainedLayer {
  std::string name;  // "slow"; of the only one the layer's own
  LayerSpec layer;
  // Output names: activation with either weight or gradient; or relevance alone; or gradient alone,
  // which is then the input's, [1, T, 3, H, W] of the clip or [1, T − 1, 2, H, W] of the flow. The
  // rest is empty.
  std::string activation, weight, gradient, relevance;
  bool of_flow = false;  // it sees the flow and not the clip

  bool gives_input_gradient() const { return activation.empty() && !gradient.empty(); }
};

struct GraphSpec {
  std::string file;    // absolute path
  std::string sha256;  // of the file, verified
  // What it computes in, and the float32 graph that it was made from, which has the same inputs and
  // outputs: absolute path, empty where there is none (precision.h).
  std::string precision = "float32";
  std::string reference, reference_sha256;
  // Of the maps of an int8 graph with its reference's, on clips unseen by calibration, by its
  // export; NaN: not quantised. Beyond the limit the export had to be forced.
  double map_correlation = std::numeric_limits<double>::quiet_NaN();
  bool exceeds_drift_limit = false;
  std::vector<std::string> methods;
  std::string default_method;
  std::string logits;                                                   // the output's name
  std::vector<ExplainedLayer> layers = std::vector<ExplainedLayer>(1);  // one or more, of one kind
  // Methods that the export found to ignore the class, and those where its check was inconclusive.
  std::set<std::string> class_agnostic, undecided;

  // Whether a method depends on the class, by the export; none: its check was inconclusive.
  std::optional<bool> class_specific(const std::string& method) const {
    if (undecided.count(method)) return std::nullopt;
    return class_agnostic.count(method) == 0;
  }
  // To the clip, or to the clip and its flow.
  bool gives_relevance() const { return !layers.front().relevance.empty(); }
  bool gives_input_gradient() const { return layers.front().gives_input_gradient(); }
  // The grid of the tube: the layer's own, or the one on which several tubes are joined.
  TUBECAM_API LayerSpec grid() const;
  // In words: "the activation or the gradient of layer layer4".
  std::string what_explains() const;
};

struct Bundle {
  std::string folder;  // absolute path
  std::string name;
  std::vector<std::string> labels;
  ClipSpec clip;
  Head head;
  std::vector<GraphSpec> graphs;
  std::string precision;        // of its narrowest graph
  double export_error = 0;      // greatest relative error that the export's check saw
  std::string sidecar;          // the whole JSON text, for `inspect`
  bool sidecar_stated = false;  // it states its own hash, which is right
};

// Throws kBundle: folder or file missing, not JSON, a newer format, a value outside its limits
// (named with its JSON path), a path that leaves the folder, a hash that differs, a label count of
// zero.
TUBECAM_API Bundle load_bundle(const std::string& folder);

}  // namespace tubecam
