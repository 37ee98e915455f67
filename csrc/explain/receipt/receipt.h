// How far an explanation can be trusted. A new line here and its value are all that a new field
// takes: metadata, the bindings and JSON lines are made from the list (field_values.h), Python's
// class by `make receipt`.
#pragma once

#include <limits>
#include <string>
#include <tuple>

#include "explain/receipt/field.h"

namespace tubecam {

struct Receipt {
  std::string bundle, method, layer, unit, engine, precision;
  double relevance_sum = 0;
  double logit = 0;
  double export_error = 0;
  double conservation = std::numeric_limits<double>::quiet_NaN();
  std::optional<bool> class_specific = true;
  double map_correlation = std::numeric_limits<double>::quiet_NaN();
  bool exceeds_drift_limit = false;
  double baseline_logit = std::numeric_limits<double>::quiet_NaN();
  int passes = 1;
  std::string downgraded_from, fell_back_from;
  std::optional<std::array<double, 3>> receptive_field;
};

inline constexpr auto kReceiptFields = std::make_tuple(
    Field{"bundle", &Receipt::bundle, "the bundle's name"},
    Field{"method", &Receipt::method, "how relevance was found"},
    Field{"layer", &Receipt::layer, "what is explained"},
    Field{"unit", &Receipt::unit,
          "of relevance: logit, score, logit per input, share … (csrc/bundle/method_table.h)"},
    Field{"engine", &Receipt::engine, "what ran the graph, with its version"},
    Field{"precision", &Receipt::precision, "what the engine really computes in"},
    Field{"relevance-sum", &Receipt::relevance_sum,
          "before ReLU; with hirescam, the logit less the head's bias"},
    Field{"logit", &Receipt::logit, "of the target"},
    Field{"export-error", &Receipt::export_error,
          "relative, of the graph against autograd, from the bundle's check"},
    Field{"conservation", &Receipt::conservation,
          "relevance's sum over logit − baseline's logit, or 0; NaN: it means nothing"},
    Field{"class-specific", &Receipt::class_specific,
          "false: the export found that the method ignores the class; missing: its check was "
          "inconclusive"},
    Field{"map-correlation", &Receipt::map_correlation,
          "of a quantised graph's maps with float32's, by the export; NaN: it is not quantised"},
    Field{"drifts", &Receipt::exceeds_drift_limit,
          "true: those maps differ beyond the limits, and the export was forced"},
    Field{"baseline-logit", &Receipt::baseline_logit,
          "of the clip that relevance is relative to; NaN: there is none"},
    Field{"passes", &Receipt::passes, "through the engine"},
    Field{"downgraded-from", unless_empty<&Receipt::downgraded_from>,
          "the method asked for, where the budget did not pay it"},
    Field{"fell-back-from", unless_empty<&Receipt::fell_back_from>,
          "the device asked for and what failed there (\"cuda:0: …\"), where the CPU took over"},
    Field{"field", &Receipt::receptive_field,
          "sampled frames, rows and columns of the clip that a cell can depend on; missing: the "
          "bundle "
          "states none"}
        .called("receptive_field"));

}  // namespace tubecam
