#include "explain/marks.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace tubecam {
namespace {

constexpr int kLeastCells = 5;  // along the picture's shorter side, for a grid that is not coarse

// A mark's words, or an empty string where the explanation does not bear it.
using Words = std::string (*)(const Explanation&);

struct Rule {
  const char* key;
  Words words;
};

std::string not_class_specific(const Explanation& e) {
  return e.receipt.class_specific == false ? "not class-specific" : "";
}

std::string class_dependence_unknown(const Explanation& e) {
  return e.receipt.class_specific ? "" : "class dependence unknown";
}

std::string exceeds_drift_limit(const Explanation& e) {
  return e.receipt.exceeds_drift_limit ? "int8, not the map of float32" : "";
}

// A map of so few cells says little of places.
std::string coarse_grid(const Explanation& e) {
  const int rows = e.shape[1], columns = e.shape[2];
  if (rows == 0 || std::min(rows, columns) >= kLeastCells) return "";
  return "coarse grid of " + std::to_string(rows) + "×" + std::to_string(columns) + " cells";
}

std::string downgraded(const Explanation& e) {
  const std::string& wanted = e.receipt.downgraded_from;
  return wanted.empty() ? "" : "too slow for " + wanted;
}

// "cuda:0: what failed there" → the device alone.
std::string fell_back(const Explanation& e) {
  const std::string& lost = e.receipt.fell_back_from;
  return lost.empty() ? "" : "on the CPU in place of " + lost.substr(0, lost.find(": "));
}

// "5 of 16 slices repeat the last frame"
std::string padded(const Explanation& e) {
  const Sampling& sampling = e.window.sampling;
  if (sampling.padded == 0) return "";
  const bool last = sampling.padding == Padding::kLast;
  return std::to_string(sampling.padded) + " of " + std::to_string(e.window.pts.size()) +
         (last ? " slices repeat the last frame" : " slices play the clip again");
}

std::string number(double value) {
  std::ostringstream text;
  text << std::setprecision(3) << value;
  return text.str();
}

// "1.57 slices a second, not 15"
std::string resampled(const Explanation& e) {
  const Sampling& sampling = e.window.sampling;
  if (sampling.fps == sampling.stated_fps) return "";
  return number(sampling.fps) + " slices a second, not " + number(sampling.stated_fps);
}

constexpr Rule kRules[] = {
    {"not-class-specific", not_class_specific},
    {"class-dependence-unknown", class_dependence_unknown},
    {"drifts", exceeds_drift_limit},
    {"coarse-grid", coarse_grid},
    {"downgraded", downgraded},
    {"fell-back", fell_back},
    {"padded", padded},
    {"resampled", resampled},
};

}  // namespace

std::vector<Mark> marks(const Explanation& explanation) {
  std::vector<Mark> found;
  for (const Rule& rule : kRules) {
    const std::string text = rule.words(explanation);
    if (!text.empty()) found.push_back({rule.key, text});
  }
  return found;
}

std::vector<Mark> marks(const GraphSpec& graph, const std::string& method) {
  Explanation any;
  const LayerSpec grid = graph.grid();
  any.shape = {grid.shape[1], grid.shape[2], grid.shape[3]};
  any.receipt.class_specific = graph.class_specific(method);
  any.receipt.exceeds_drift_limit = graph.exceeds_drift_limit;
  return marks(any);
}

const std::vector<std::string>& mark_keys() {
  static const auto& keys = *[] {
    auto* names = new std::vector<std::string>;
    for (const Rule& rule : kRules) names->push_back(rule.key);
    return names;
  }();
  return keys;
}

}  // namespace tubecam
