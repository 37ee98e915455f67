#include "bundle/sidecar_graph.h"

#include <algorithm>
#include <vector>

#include "bundle/layer_grid.h"
#include "bundle/method_table.h"
#include "bundle/precision.h"

namespace tubecam {
namespace {

constexpr size_t kMaxPathways = 8;
constexpr int64_t kMaxLayerSize = int64_t{1} << 28;  // values of one activation: 1 GiB of float32

// Sampled frames and pixels, at most the clip's.
std::array<double, 3> parse_receptive_field(const JsonNode& node, const ClipSpec& clip) {
  const int most[3] = {clip.length, clip.height, clip.width};
  std::array<double, 3> field{};
  node.array(3, 3);
  for (size_t i = 0; i < 3; ++i) field[i] = node[i].number(1, most[i]);
  return field;
}

LayerSpec parse_layer(const JsonNode& node, const ClipSpec& clip) {
  LayerSpec layer;
  layer.name = node.at("name").text();
  const JsonNode shape = node.at("shape"), stride = node.at("stride"), offset = node.at("offset");
  const int most[4] = {65536, 256, 1024, 1024};
  int64_t size = 1;
  shape.array(4, 4);
  for (size_t i = 0; i < 4; ++i) size *= layer.shape[i] = int(shape[i].integer(1, most[i]));
  if (size > kMaxLayerSize) shape.refuse("at most ", kMaxLayerSize, " values in all");
  stride.array(3, 3);
  offset.array(3, 3);
  for (size_t i = 0; i < 3; ++i) {
    layer.stride[i] = stride[i].number(1e-3, 1024);
    layer.offset[i] = offset[i].number(-1024, 1024);
  }
  if (node.has("receptive_field"))
    layer.receptive_field = parse_receptive_field(node.at("receptive_field"), clip);
  return layer;
}

// The kind of method that a graph's outputs are enough for.
MethodKind kind_of(const GraphSpec& graph) {
  if (graph.gives_input_gradient()) return MethodKind::kMultiPass;
  return graph.gives_relevance() ? MethodKind::kRelevance : MethodKind::kClassActivation;
}

// Of every explained layer.
bool gives_weights(const GraphSpec& graph) {
  const auto& pathways = graph.pathways;
  if (pathways.empty()) return !graph.weight.empty();
  return std::all_of(pathways.begin(), pathways.end(),
                     [](const PathwaySpec& pathway) { return !pathway.weight.empty(); });
}

void parse_methods(const JsonNode& node, GraphSpec* graph, std::set<std::string>* seen) {
  const std::vector<std::string> known = method_names(kind_of(*graph));
  const JsonNode methods = node.at("methods");
  const size_t count = methods.array(1, graph->gives_relevance() ? 1 : known.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string method = methods[i].text();
    if (std::find(known.begin(), known.end(), method) == known.end()) {
      std::string names;
      for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
      methods[i].refuse("a method that this version of tubecam knows for such outputs (", names,
                        ")");
    }
    if (!seen->insert(method).second) methods[i].refuse("named once in the whole sidecar");
    if (find_method(method)->needs_weight() && !gives_weights(*graph)) {
      methods[i].refuse("another method: ", method, " needs the output `weight`");
    }
    graph->methods.push_back(method);
  }
  graph->default_method = node.at("default_method").text();
  const bool offered = std::find(graph->methods.begin(), graph->methods.end(),
                                 graph->default_method) != graph->methods.end();
  if (!offered) node.at("default_method").refuse("one of the graph's methods");
}

void parse_relevance_output(const JsonNode& node, GraphSpec* graph) {
  const bool alone = !node.has("activation") && !node.has("weight") && !node.has("gradient");
  check(alone, ErrorCode::kBundle, node.path(), " must name either relevance or an activation");
  graph->relevance = node.at("relevance").text();
  check(graph->relevance != graph->logits, ErrorCode::kBundle, node.path(),
        " must name two different outputs");
}

void parse_gradient_output(const JsonNode& node, GraphSpec* graph) {
  graph->gradient = node.at("gradient").text();
  check(!node.has("weight"), ErrorCode::kBundle, node.path(),
        " must name either weight or gradient");
  check(graph->gradient != graph->logits, ErrorCode::kBundle, node.path(),
        " must name two different outputs");
}

void parse_outputs(const JsonNode& node, GraphSpec* graph) {
  graph->logits = node.at("logits").text();
  if (node.has("relevance")) return parse_relevance_output(node, graph);
  if (!node.has("activation") && node.has("gradient")) return parse_gradient_output(node, graph);
  graph->activation = node.at("activation").text();
  const bool closed = node.has("weight");
  check(closed != node.has("gradient"), ErrorCode::kBundle, node.path(),
        " must name either weight or gradient");
  (closed ? graph->weight : graph->gradient) = node.at(closed ? "weight" : "gradient").text();
  const std::set<std::string> names = {graph->logits, graph->activation, graph->weight,
                                       graph->gradient};
  check(names.size() == 4, ErrorCode::kBundle, node.path(), " must name three different outputs");
}

// What the export's sanity checks say of each method; a bundle without them claims nothing.
void parse_sanity(const JsonNode& node, GraphSpec* graph) {
  for (const std::string& method : graph->methods) {
    if (!node.has(method.c_str())) continue;
    const JsonNode found = node.at(method);
    const bool undecided = found.has("undecided") && found.at("undecided").boolean();
    if (undecided) graph->undecided.insert(method);
    if (!found.at("class_specific").boolean() && !undecided) graph->class_agnostic.insert(method);
  }
}

// Cells sum whole sampled frames and pixels of the input: of the clip, or of its flow.
void check_cells(const JsonNode& node, const ClipSpec& clip, const LayerSpec& layer, bool of_flow) {
  const int sizes[] = {of_flow ? 2 : 3, clip.length, clip.height, clip.width};
  if (layer.shape[0] != sizes[0])
    node[0].refuse(of_flow ? "2, the flow's directions" : "3, the clip's colours");
  for (size_t i = 1; i < 4; ++i) {
    if (sizes[i] % layer.shape[i] != 0) node[i].refuse("a divisor of the clip's size");
  }
}

// Gradients of the inputs are those of both: the clip's, and the flow's that the clip has.
void check_inputs(const JsonNode& node, const ClipSpec& clip, const GraphSpec& graph) {
  if (graph.pathways.empty())
    return check_cells(node.at("layer").at("shape"), clip, graph.layer, false);
  const JsonNode pathways = node.at("pathways");
  const bool both = graph.pathways.size() == 2 && clip.flow.used &&
                    graph.pathways[0].of_flow != graph.pathways[1].of_flow;
  check(both, ErrorCode::kBundle, pathways.path(),
        " must be the clip and its flow, since they name the gradients of the inputs");
  for (size_t i = 0; i < 2; ++i) {
    const PathwaySpec& pathway = graph.pathways[i];
    check_cells(pathways[i].at("layer").at("shape"), clip, pathway.layer, pathway.of_flow);
  }
}

// Gives the outputs' names.
std::vector<std::string> parse_pathway_outputs(const JsonNode& names, PathwaySpec* pathway) {
  if (names.has("relevance")) {
    const bool alone = !names.has("activation") && !names.has("weight") && !names.has("gradient");
    check(alone, ErrorCode::kBundle, names.path(), " must name either relevance or an activation");
    return {pathway->relevance = names.at("relevance").text()};
  }
  if (!names.has("activation") && names.has("gradient")) {
    check(!names.has("weight"), ErrorCode::kBundle, names.path(),
          " must name either weight or gradient");
    return {pathway->gradient = names.at("gradient").text()};
  }
  const bool closed = names.has("weight");
  check(closed != names.has("gradient"), ErrorCode::kBundle, names.path(),
        " must name either weight or gradient");
  pathway->activation = names.at("activation").text();
  std::string& second = closed ? pathway->weight : pathway->gradient;
  second = names.at(closed ? "weight" : "gradient").text();
  return {pathway->activation, second};
}

PathwaySpec parse_pathway(const JsonNode& node, const ClipSpec& clip,
                          std::set<std::string>* outputs) {
  PathwaySpec pathway;
  pathway.name = node.at("name").text(100);
  pathway.layer = parse_layer(node.at("layer"), clip);
  const JsonNode names = node.at("outputs");
  for (const std::string& name : parse_pathway_outputs(names, &pathway)) {
    check(outputs->insert(name).second, ErrorCode::kBundle, names.path(), " names the output ",
          name, ", which the graph names already");
  }
  if (!pathway.relevance.empty() && pathway.layer.shape[0] != 1) {
    node.at("layer").at("shape")[0].refuse("1, since relevance is summed over the colours");
  }
  if (node.has("input")) {
    const std::string input = node.at("input").text();
    if (input != "clip" && input != "flow") node.at("input").refuse("clip or flow");
    pathway.of_flow = input == "flow";
  }
  return pathway;
}

// Several explained layers: `outputs` then names the logits alone.
void parse_pathways(const JsonNode& node, const ClipSpec& clip, GraphSpec* graph) {
  const size_t count = node.array(2, kMaxPathways);
  std::set<std::string> names, outputs = {graph->logits};
  for (size_t i = 0; i < count; ++i) {
    graph->pathways.push_back(parse_pathway(node[i], clip, &outputs));
    const bool fresh = names.insert(graph->pathways.back().name).second;
    if (!fresh) node[i].at("name").refuse("another name than the pathways before it have");
    const PathwaySpec& now = graph->pathways.back();
    const bool alike = now.relevance.empty() != graph->gives_relevance() &&
                       now.gives_input_gradient() == graph->gives_input_gradient();
    check(alike, ErrorCode::kBundle, node[i].at("outputs").path(),
          " must name outputs of the same kind as the other pathways do");
  }
  graph->layer = joined_layer(graph->pathways);
}

// What a graph computes in: the bundle's precision where its entry states no other.
void parse_form(const JsonNode& node, const Sidecar& sidecar, GraphSpec* graph) {
  graph->precision = node.has("precision") ? node.at("precision").one_of(kPrecisions).name
                                           : sidecar.bundle.precision;
  if (node.has("reference")) {
    graph->reference = listed_file(node.at("reference"), sidecar.files);
    if (graph->reference == graph->file) node.at("reference").refuse("another file than the graph");
    graph->reference_sha256 = sidecar.files.at(graph->reference);
  }
  if (!node.has("quantisation")) return;
  const JsonNode quantisation = node.at("quantisation");
  graph->exceeds_drift_limit = !quantisation.at("accepted").boolean();
  graph->map_correlation = quantisation.at("drift").at("map_correlation").number(-1, 1);
}

}  // namespace

bool is_file_name(const std::string& name) {
  const bool dots = name.empty() || name == "." || name == "..";
  return !dots && name.find_first_of("/\\") == std::string::npos;
}

std::string file_name(const JsonNode& node) {
  const std::string name = node.text();
  if (!is_file_name(name))
    node.refuse("the name of a file in the bundle's own folder, without a path");
  return name;
}

std::string listed_file(const JsonNode& node, const std::map<std::string, std::string>& files) {
  const std::string name = file_name(node);
  if (!files.count(name)) node.refuse("one of the names in `files`, so that its hash is checked");
  return name;
}

GraphSpec parse_graph(const JsonNode& node, const Sidecar& sidecar,
                      std::set<std::string>* methods) {
  GraphSpec graph;
  graph.file = listed_file(node.at("file"), sidecar.files);
  graph.sha256 = sidecar.files.at(graph.file);
  if (node.has("pathways")) {
    graph.logits = node.at("outputs").at("logits").text();
    parse_pathways(node.at("pathways"), sidecar.bundle.clip, &graph);
  } else {
    parse_outputs(node.at("outputs"), &graph);
    graph.layer = parse_layer(node.at("layer"), sidecar.bundle.clip);
  }
  parse_form(node, sidecar, &graph);
  parse_methods(node, &graph, methods);
  if (!graph.relevance.empty() && graph.layer.shape[0] != 1) {
    node.at("layer").at("shape")[0].refuse("1, since relevance is summed over the colours");
  }
  if (graph.gives_input_gradient()) check_inputs(node, sidecar.bundle.clip, graph);
  if (node.has("sanity")) parse_sanity(node.at("sanity"), &graph);
  return graph;
}

}  // namespace tubecam
