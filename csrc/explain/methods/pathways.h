// The tubes of the explained layers: of several, a share of the decision each, and the tube that
// joins them.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "engine/engine.h"
#include "explain/methods/cam3d.h"
#include "explain/tube/tube.h"

namespace tubecam {

struct Pathway {
  std::string name, layer;
  bool of_flow = false;     // it sees the optical flow and not the picture
  std::vector<float> tube;  // [t, h, w], logit units
  std::array<int, 3> shape{};
  std::array<double, 3> stride{}, offset{};
  double relevance_sum = 0;  // before ReLU
  double share = 0;          // per cent of the decision; NaN where that means nothing

  TubeView view() const;
};

// Note [Pathways]
// The tubes are joined by sharing the relevance of each cell out over the cells of `grid` that it
// covers, by the part of the cell that lies on each; what lies beyond the grid goes to its edge.
// Nothing is lost or counted twice: the joined tube's sum is the sum of all tubes' sums. Neither is
// anything smoothed: a slow pathway's cell is a block of the joined tube.
// A share is a pathway's relevance sum over that of all pathways. Where pathways that speak for and
// against the class cancel to less than a twentieth of what they say, shares mean nothing.

struct LayerTubes {
  std::vector<Pathway> pathways;  // one a layer, in the graph's order; none where there is but one
  CamStats stats;                 // of the tube
};

// Computes each layer's tube, by `method` where the graph gives activations, and writes the only
// one or the joined one, [t, h, w] of the graph's grid; zero where something is not finite. Throws
// kUsage as cam3d() does.
LayerTubes explain_layers(const EngineOutputs& outputs, const GraphSpec& graph, CamMethod method,
                          float* tube);

// Adds a tube onto a grid, as above.
void add_to_grid(const TubeView& tube, const LayerSpec& grid, double* sums);

bool sees_flow(const std::vector<Pathway>& pathways);

// [t, h, w] of `grid`: the part 0…1 of each cell's relevance, by its absolute value, that pathways
// of the flow found; 0 where a cell holds none.
std::vector<float> flow_cells(const std::vector<Pathway>& pathways, const LayerSpec& grid);

// The same of the decision: the shares of the flow's pathways together, cut to 0…1; NaN where they
// are.
double flow_share(const std::vector<Pathway>& pathways);

}  // namespace tubecam
