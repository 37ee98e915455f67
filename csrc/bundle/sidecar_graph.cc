#include "bundle/sidecar_graph.h"

#include <algorithm>
#include <vector>

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

bool gives_weights(const GraphSpec& graph) {
  return std::none_of(graph.layers.begin(), graph.layers.end(),
                      [](const ExplainedLayer& layer) { return layer.weight.empty(); });
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

// The outputs of one explained layer. taken: the names that the graph has given before.
void parse_outputs(const JsonNode& node, std::set<std::string>* taken, ExplainedLayer* layer) {
  const auto read = [&](const char* key, std::string* name) {
    *name = node.at(key).text();
    check(taken->insert(*name).second, ErrorCode::kBundle, node.path(), " names the output ", *name,
          ", which the graph names already");
  };
  const bool activation = node.has("activation"), weight = node.has("weight"),
             gradient = node.has("gradient");
  if (node.has("relevance")) {
    check(!activation && !weight && !gradient, ErrorCode::kBundle, node.path(),
          " must name either relevance or an activation");
    return read("relevance", &layer->relevance);
  }
  if (activation || !gradient) read("activation", &layer->activation);  // not of an input's
  check(weight != gradient, ErrorCode::kBundle, node.path(),
        " must name either weight or gradient");
  weight ? read("weight", &layer->weight) : read("gradient", &layer->gradient);
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

// One explained layer, named as its tensor.
ExplainedLayer parse_explained(const JsonNode& node, const ClipSpec& clip,
                               std::set<std::string>* taken) {
  ExplainedLayer explained;
  parse_outputs(node.at("outputs"), taken, &explained);
  explained.layer = parse_layer(node.at("layer"), clip);
  explained.name = explained.layer.name;
  if (!explained.relevance.empty() && explained.layer.shape[0] != 1) {
    node.at("layer").at("shape")[0].refuse("1, since relevance is summed over the colours");
  }
  return explained;
}

// One of several, with a name of its own and perhaps another input than the clip.
ExplainedLayer parse_pathway(const JsonNode& node, const ClipSpec& clip,
                             std::set<std::string>* taken) {
  ExplainedLayer pathway = parse_explained(node, clip, taken);
  pathway.name = node.at("name").text(100);
  if (node.has("input")) {
    const std::string input = node.at("input").text();
    if (input != "clip" && input != "flow") node.at("input").refuse("clip or flow");
    pathway.of_flow = input == "flow";
  }
  return pathway;
}

std::vector<ExplainedLayer> parse_pathways(const JsonNode& node, const ClipSpec& clip,
                                           std::set<std::string>* taken) {
  std::vector<ExplainedLayer> layers;
  std::set<std::string> names;
  const size_t count = node.array(2, kMaxPathways);
  for (size_t i = 0; i < count; ++i) {
    layers.push_back(parse_pathway(node[i], clip, taken));
    const ExplainedLayer &first = layers.front(), &now = layers.back();
    const bool fresh = names.insert(now.name).second;
    if (!fresh) node[i].at("name").refuse("another name than the pathways before it have");
    const bool alike = now.relevance.empty() == first.relevance.empty() &&
                       now.gives_input_gradient() == first.gives_input_gradient();
    check(alike, ErrorCode::kBundle, node[i].at("outputs").path(),
          " must name outputs of the same kind as the other pathways do");
  }
  return layers;
}

// Several layers stand in `pathways`, and `outputs` names the logits alone.
void parse_layers(const JsonNode& node, const ClipSpec& clip, GraphSpec* graph) {
  graph->logits = node.at("outputs").at("logits").text();
  std::set<std::string> taken = {graph->logits};
  if (node.has("pathways"))
    graph->layers = parse_pathways(node.at("pathways"), clip, &taken);
  else
    graph->layers = {parse_explained(node, clip, &taken)};
}

// Cells sum whole sampled frames and pixels of the input: of the clip, or of its flow.
void check_cells(const JsonNode& node, const ClipSpec& clip, const ExplainedLayer& explained) {
  const JsonNode shape = node.at("layer").at("shape");
  const auto& cells = explained.layer.shape;
  const int sizes[] = {explained.of_flow ? 2 : 3, clip.length, clip.height, clip.width};
  if (cells[0] != sizes[0])
    shape[0].refuse(explained.of_flow ? "2, the flow's directions" : "3, the clip's colours");
  for (size_t i = 1; i < 4; ++i) {
    if (sizes[i] % cells[i] != 0) shape[i].refuse("a divisor of the clip's size");
  }
}

// Gradients of the inputs are those of both: the clip's, and the flow's that the clip has.
void check_inputs(const JsonNode& node, const ClipSpec& clip, const GraphSpec& graph) {
  const auto& layers = graph.layers;
  if (layers.size() == 1) return check_cells(node, clip, layers[0]);
  const JsonNode pathways = node.at("pathways");
  const bool both = layers.size() == 2 && clip.flow.used && layers[0].of_flow != layers[1].of_flow;
  check(both, ErrorCode::kBundle, pathways.path(),
        " must be the clip and its flow, since they name the gradients of the inputs");
  for (size_t i = 0; i < 2; ++i) check_cells(pathways[i], clip, layers[i]);
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
  parse_layers(node, sidecar.bundle.clip, &graph);
  parse_form(node, sidecar, &graph);
  parse_methods(node, &graph, methods);
  if (graph.gives_input_gradient()) check_inputs(node, sidecar.bundle.clip, graph);
  if (node.has("sanity")) parse_sanity(node.at("sanity"), &graph);
  return graph;
}

}  // namespace tubecam
