#include "engine/sidecar.h"

#include <algorithm>
#include <set>
#include <vector>

#include "clip/optical_flow.h"
#include "engine/json_node.h"
#include "engine/pathway.h"

namespace tubecam {
namespace {

using Json = JsonNode::Json;

constexpr int kMaxDepth = 32;
constexpr size_t kMaxPathways = 8;
constexpr int64_t kMaxLayerSize = int64_t{1} << 28;  // values of one activation: 1 GiB of float32

// Refuses what JSON itself allows and no sidecar needs: deep nesting, and keys that stand twice.
class Guard {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    check(depth < kMaxDepth, ErrorCode::kBundle, "is nested more than ", kMaxDepth, " deep");
    if (event == Json::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const std::string key = parsed.get<std::string>();
      check(keys_.back().insert(key).second, ErrorCode::kBundle, "has the key ", Json(key).dump(),
            " twice in one object");
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

// Line and column of a byte, counted from 1.
std::string place_of(size_t byte, const std::string& text) {
  const std::string before = text.substr(0, byte > 0 ? byte - 1 : 0);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  return std::to_string(line) + ":" + std::to_string(before.size() - before.rfind('\n'));
}

Json parse_json(const std::string& text) {
  try {
    return Json::parse(
        text, [guard = Guard()](int depth, Json::parse_event_t event, Json& parsed) mutable {
          return guard(depth, event, parsed);
        });
  } catch (const Json::parse_error& error) {  // its own words quote the text's bytes, UTF-8 or not
    fail(ErrorCode::kBundle, "is not JSON in UTF-8: look at line:column ",
         place_of(error.byte, text));
  } catch (const Json::exception& error) {
    fail(ErrorCode::kBundle, "is not JSON: ", error.what());
  }
}

// A plain name of a file in the bundle's own folder.
std::string file_name(const JsonNode& node) {
  const std::string name = node.text();
  const bool plain = name.find_first_of("/\\") == std::string::npos && name != "." && name != "..";
  if (!plain) node.refuse("the name of a file in the bundle's own folder, without a path");
  return name;
}

std::string hash(const JsonNode& node) {
  const std::string text = node.text();
  const bool good =
      text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) node.refuse("a SHA-256 of 64 lower-case hex digits");
  return text;
}

std::map<std::string, std::string> parse_files(const JsonNode& node) {
  if (!node.value().is_object() || node.value().empty() || node.value().size() > 64) {
    node.refuse("an object of 1…64 file names with their SHA-256");
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, ignored] : node.value().items()) {
    file_name({Json(name), node.path() + " (a key)"});
    files[name] = hash(node.at(name));
  }
  return files;
}

std::string listed_file(const JsonNode& node, const std::map<std::string, std::string>& files) {
  const std::string name = file_name(node);
  if (!files.count(name)) node.refuse("one of the names in `files`, so that its hash is checked");
  return name;
}

void parse_resize(const JsonNode& node, ClipSpec* clip) {
  const std::string rule = node.at("rule").text();
  if (rule == "crop") {
    clip->resize = ResizeRule::kCrop;
    const int least = std::max(clip->height, clip->width);
    clip->short_side = int(node.at("short_side").integer(least, 4096));
  } else if (rule == "stretch") {
    clip->resize = ResizeRule::kStretch;
  } else if (rule == "pad") {
    clip->resize = ResizeRule::kPad;
  } else {
    node.at("rule").refuse("crop, stretch or pad");
  }
}

void parse_flow(const JsonNode& node, ClipSpec* clip) {
  const JsonNode flow = node.at("flow");
  clip->flow.used = true;
  clip->flow.bound = float(flow.at("bound").number(0.1, 1024));
  clip->flow.scale = float(flow.at("scale").number(1e-4, 1e4));
  node.at("length").integer(2, 256);
  for (const char* side : {"height", "width"}) node.at(side).integer(kLeastFlowSide, 1024);
}

ClipSpec parse_clip(const JsonNode& node) {
  ClipSpec clip;
  clip.length = int(node.at("length").integer(1, 256));
  clip.height = int(node.at("height").integer(8, 1024));
  clip.width = int(node.at("width").integer(8, 1024));
  clip.sample_fps = node.at("sample_fps").number(1e-3, 240);
  const JsonNode mean = node.at("mean"), std = node.at("std");
  mean.array(3, 3);
  std.array(3, 3);
  for (size_t i = 0; i < 3; ++i) {
    clip.mean[i] = float(mean[i].number(-1e3, 1e3));
    clip.std[i] = float(std[i].number(1e-4, 1e4));
  }
  const std::string color = node.at("color").text();
  if (color != "RGB" && color != "BGR") node.at("color").refuse("RGB or BGR");
  clip.color = color == "RGB" ? ColorOrder::kRgb : ColorOrder::kBgr;
  parse_resize(node.at("resize"), &clip);
  if (node.has("flow")) parse_flow(node, &clip);
  return clip;
}

LayerSpec parse_layer(const JsonNode& node) {
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
  return layer;
}

const std::vector<std::string>& known_methods(const GraphSpec& graph) {
  if (graph.gives_input_gradient()) return few_pass_method_names();
  return graph.gives_relevance() ? relevance_method_names() : method_names();
}

// Of every explained layer.
bool gives_weights(const GraphSpec& graph) {
  const auto& pathways = graph.pathways;
  if (pathways.empty()) return !graph.weight.empty();
  return std::all_of(pathways.begin(), pathways.end(),
                     [](const PathwaySpec& pathway) { return !pathway.weight.empty(); });
}

void parse_methods(const JsonNode& node, GraphSpec* graph, std::set<std::string>* seen) {
  const auto& known = known_methods(*graph);
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
    if (method == "cam" && !gives_weights(*graph)) {
      methods[i].refuse("another method: cam needs the output `weight`");
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

// What the export's sanity checks say of each method; a bundle without them vouches for nothing.
void parse_sanity(const JsonNode& node, GraphSpec* graph) {
  for (const std::string& method : graph->methods) {
    if (!node.has(method.c_str())) continue;
    if (!node.at(method).at("class_specific").boolean()) graph->unspecific.insert(method);
  }
}

// Cells sum whole slices and pixels of the clip.
void check_cells(const JsonNode& node, const Sidecar& sidecar, const GraphSpec& graph) {
  const ClipSpec& clip = sidecar.bundle.clip;
  const int sizes[] = {3, clip.length, clip.height, clip.width};
  for (size_t i = 0; i < 4; ++i) {
    const int cells = graph.layer.shape[i];
    const bool whole = i == 0 ? cells == sizes[0] : sizes[i] % cells == 0;
    if (!whole) node[i].refuse(i == 0 ? "3, the clip's colours" : "a divisor of the clip's size");
  }
}

// Gives the outputs' names.
std::vector<std::string> parse_pathway_outputs(const JsonNode& names, PathwaySpec* pathway) {
  if (names.has("relevance")) {
    const bool alone = !names.has("activation") && !names.has("weight") && !names.has("gradient");
    check(alone, ErrorCode::kBundle, names.path(), " must name either relevance or an activation");
    return {pathway->relevance = names.at("relevance").text()};
  }
  const bool closed = names.has("weight");
  check(closed != names.has("gradient"), ErrorCode::kBundle, names.path(),
        " must name either weight or gradient");
  pathway->activation = names.at("activation").text();
  std::string& second = closed ? pathway->weight : pathway->gradient;
  second = names.at(closed ? "weight" : "gradient").text();
  return {pathway->activation, second};
}

PathwaySpec parse_pathway(const JsonNode& node, std::set<std::string>* outputs) {
  PathwaySpec pathway;
  pathway.name = node.at("name").text(100);
  pathway.layer = parse_layer(node.at("layer"));
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
void parse_pathways(const JsonNode& node, GraphSpec* graph) {
  const size_t count = node.array(2, kMaxPathways);
  std::set<std::string> names, outputs = {graph->logits};
  for (size_t i = 0; i < count; ++i) {
    graph->pathways.push_back(parse_pathway(node[i], &outputs));
    const bool fresh = names.insert(graph->pathways.back().name).second;
    if (!fresh) node[i].at("name").refuse("another name than the pathways before it have");
    const bool alike = graph->pathways.back().relevance.empty() != graph->gives_relevance();
    check(alike, ErrorCode::kBundle, node[i].at("outputs").path(),
          " must name relevance as the other pathways do, or none of them may");
  }
  graph->layer = joined_layer(graph->pathways);
}

std::string parse_precision(const JsonNode& node) {
  const std::string precision = node.text();
  const std::set<std::string> known = {"float32", "float16", "bfloat16", "int8"};
  if (!known.count(precision)) node.refuse("float32, float16, bfloat16 or int8");
  return precision;
}

// What a graph computes in: the bundle's precision where its entry states no other.
void parse_form(const JsonNode& node, const Sidecar& sidecar, GraphSpec* graph) {
  graph->precision =
      node.has("precision") ? parse_precision(node.at("precision")) : sidecar.bundle.precision;
  if (node.has("reference")) {
    graph->reference = listed_file(node.at("reference"), sidecar.files);
    if (graph->reference == graph->file) node.at("reference").refuse("another file than the graph");
    graph->reference_sha256 = sidecar.files.at(graph->reference);
  }
  if (!node.has("quantisation")) return;
  const JsonNode quantisation = node.at("quantisation");
  graph->drifts = !quantisation.at("accepted").boolean();
  graph->map_correlation = quantisation.at("drift").at("map_correlation").number(-1, 1);
}

GraphSpec parse_graph(const JsonNode& node, const Sidecar& sidecar,
                      std::set<std::string>* methods) {
  GraphSpec graph;
  graph.file = listed_file(node.at("file"), sidecar.files);
  graph.sha256 = sidecar.files.at(graph.file);
  if (node.has("pathways")) {
    graph.logits = node.at("outputs").at("logits").text();
    parse_pathways(node.at("pathways"), &graph);
  } else {
    parse_outputs(node.at("outputs"), &graph);
    graph.layer = parse_layer(node.at("layer"));
  }
  parse_form(node, sidecar, &graph);
  parse_methods(node, &graph, methods);
  if (!graph.relevance.empty() && graph.layer.shape[0] != 1) {
    node.at("layer").at("shape")[0].refuse("1, since relevance is summed over the colours");
  }
  if (graph.gives_input_gradient()) check_cells(node.at("layer").at("shape"), sidecar, graph);
  if (node.has("sanity")) parse_sanity(node.at("sanity"), &graph);
  return graph;
}

double parse_check(const JsonNode& node) {
  node.at("inputs").integer(1, INT32_MAX);
  return node.at("max_relative_error").number(0, 1);
}

void check_format(const JsonNode& root) {
  const int64_t format = root.at("format").integer(1, INT32_MAX);
  check(format <= kBundleFormat, ErrorCode::kBundle, "has format ", format,
        ", and this version of tubecam reads format ", kBundleFormat, " only: upgrade tubecam");
}

}  // namespace

const std::vector<std::string>& method_names() {
  static const auto& names = *new std::vector<std::string>{
      "gradcam", "cam", "gradcam-frame", "hirescam", "layercam", "gradcam++", "xgradcam"};
  return names;
}

const std::vector<std::string>& relevance_method_names() {
  static const auto& names = *new std::vector<std::string>{
      "sensitivity",           "gradient-x-input",    "deconvolution", "guided-backprop",
      "lrp-epsilon",           "lrp-alpha1beta0",     "deep-taylor",   "lrp-epsilon-plus",
      "lrp-epsilon-plus-flat", "excitation-backprop", "deeplift",      "attention-rollout"};
  return names;
}

const std::vector<std::string>& few_pass_method_names() {
  static const auto& names =
      *new std::vector<std::string>{"integrated-gradients", "smoothgrad", "gradient-shap"};
  return names;
}

bool shares_out_the_logit(const std::string& method) {
  static const auto& names = *new std::set<std::string>{
      "hirescam",    "gradient-x-input", "lrp-epsilon",           "lrp-alpha1beta0",
      "deep-taylor", "lrp-epsilon-plus", "lrp-epsilon-plus-flat", "excitation-backprop"};
  return names.count(method) > 0;
}

Sidecar parse_sidecar(const std::string& text) {
  const Json json = parse_json(text);
  const JsonNode root(json, "");
  check_format(root);
  Sidecar sidecar;
  sidecar.files = parse_files(root.at("files"));
  sidecar.labels_file = listed_file(root.at("labels"), sidecar.files);
  Bundle& bundle = sidecar.bundle;
  bundle.sidecar = text;
  bundle.name = root.at("name").text(100);
  bundle.clip = parse_clip(root.at("clip"));
  bundle.precision = parse_precision(root.at("precision"));
  bundle.export_error = parse_check(root.at("check"));
  const JsonNode provenance = root.at("provenance");
  if (!provenance.value().is_object()) provenance.refuse("an object");
  const JsonNode graphs = root.at("graphs");
  std::set<std::string> methods;
  const size_t count = graphs.array(1, 16);
  for (size_t i = 0; i < count; ++i)
    bundle.graphs.push_back(parse_graph(graphs[i], sidecar, &methods));
  return sidecar;
}

}  // namespace tubecam
