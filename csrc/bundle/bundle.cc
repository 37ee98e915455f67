#include "bundle/bundle.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/sha256/sha256.h"
#include "bundle/external_data.h"
#include "bundle/layer_grid.h"
#include "bundle/sidecar.h"
#include "bundle/sidecar_graph.h"

namespace tubecam {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxSidecar = 1 << 20;
constexpr uintmax_t kMaxLabelsFile = 16 << 20;
constexpr size_t kMaxLabels = 100000;
constexpr size_t kMaxLabel = 1024;

fs::path open_folder(const std::string& folder) {
  std::error_code error;
  const fs::path path = fs::canonical(folder, error);
  check(!error && fs::is_directory(path, error), ErrorCode::kBundle, "no bundle at ",
        folder.empty() ? "an empty path" : folder,
        ": a bundle is a folder that holds bundle.json (`tubecam export` makes one)");
  return path;
}

// The path of a regular file that really lies in the folder. Links out of it are refused, and so
// are pipes and devices, which could block a reader for ever.
fs::path locate(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::path path = fs::canonical(folder / name, error);
  check(!error, ErrorCode::kBundle, "the bundle ", folder.string(), " has no ", name);
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  check(end == folder.end(), ErrorCode::kBundle, "the bundle's ", name, " is a link that leaves ",
        folder.string());
  check(fs::is_regular_file(path, error), ErrorCode::kBundle, path.string(),
        " is not a regular file");
  return path;
}

std::string read_text(const fs::path& path, uintmax_t most) {
  std::ifstream stream(path, std::ios::binary);
  check(stream.good(), ErrorCode::kBundle, "cannot open ", path.string());
  std::string text(most + 1, '\0');
  stream.read(text.data(), std::streamsize(text.size()));
  text.resize(size_t(stream.gcount()));
  check(text.size() <= most, ErrorCode::kBundle, path.string(), " is larger than ", most, " bytes");
  return text;
}

Sidecar read_sidecar(const fs::path& folder) {
  const fs::path path = locate(folder, "bundle.json");
  try {
    return parse_sidecar(read_text(path, kMaxSidecar));
  } catch (const Error& error) {
    fail(error.code(), path.string(), ": ", error.what());
  }
}

bool is_utf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

void check_label(const std::string& label, const fs::path& path, size_t line) {
  check(!label.empty(), ErrorCode::kBundle, path.string(), ":", line,
        ": a label must not be empty");
  check(label.size() <= kMaxLabel, ErrorCode::kBundle, path.string(), ":", line,
        ": a label must not exceed ", kMaxLabel, " bytes");
  bool plain = is_utf8(label);
  for (const char c : label) plain &= static_cast<unsigned char>(c) >= 32;
  check(plain, ErrorCode::kBundle, path.string(), ":", line,
        ": a label must be UTF-8 without control characters");
}

std::vector<std::string> read_labels(const fs::path& path) {
  std::string text = read_text(path, kMaxLabelsFile);
  if (text.rfind("\xef\xbb\xbf", 0) == 0) text.erase(0, 3);  // byte order mark
  text.erase(text.find_last_not_of("\r\n") + 1);
  check(!text.empty(), ErrorCode::kBundle, path.string(), " holds no label");
  std::vector<std::string> labels;
  std::istringstream lines(text);
  for (std::string label; std::getline(lines, label);) {
    if (!label.empty() && label.back() == '\r') label.pop_back();
    check_label(label, path, labels.size() + 1);
    check(labels.size() < kMaxLabels, ErrorCode::kBundle, path.string(), " holds more than ",
          kMaxLabels, " labels");
    labels.push_back(label);
  }
  return labels;
}

void verify(const fs::path& path, const std::string& expected) {
  const std::string actual = sha256_of_file(path.string());
  check(actual == expected, ErrorCode::kBundle, path.string(),
        " is not the file that bundle.json names: its SHA-256 is ", actual, ", not ", expected,
        ". It was changed or damaged: export or copy the bundle again");
}

// Weights that no hash covers would be read by the engine all the same.
void check_external_data(const fs::path& graph, const Sidecar& sidecar) {
  for (const std::string& name : external_data(graph.string())) {
    check(is_file_name(name), ErrorCode::kBundle, graph.string(), " keeps weights in \"", name,
          "\", which is not the name of a file in the bundle's own folder");
    check(sidecar.files.count(name) > 0, ErrorCode::kBundle, graph.string(), " keeps weights in ",
          name, ", which is not among the files whose hash bundle.json states");
  }
}

}  // namespace

std::string GraphSpec::what_explains() const {
  const std::string name = grid().name;
  if (gives_relevance() || gives_input_gradient()) return "the relevance to the " + name;
  if (layers.size() > 1) return "an activation or a gradient of " + name;
  const std::string other = layers.front().weight.empty() ? "gradient" : "weight";
  return "the activation or the " + other + " of layer " + name;
}

LayerSpec GraphSpec::grid() const { return joined_layer(layers); }

Bundle load_bundle(const std::string& folder) {
  const fs::path root = open_folder(folder);
  Sidecar sidecar = read_sidecar(root);
  for (const auto& [name, hash] : sidecar.files) verify(locate(root, name), hash);
  for (const GraphSpec& graph : sidecar.bundle.graphs) {
    check_external_data(locate(root, graph.file), sidecar);
    if (!graph.reference.empty()) check_external_data(locate(root, graph.reference), sidecar);
  }
  Bundle bundle = std::move(sidecar.bundle);
  bundle.folder = root.string();
  bundle.labels = read_labels(locate(root, sidecar.labels_file));
  // Softmax of one value is 1, whatever the model says.
  if (bundle.labels.size() == 1 && bundle.head.kind == HeadKind::kSoftmax)
    bundle.head = {HeadKind::kScores, "score"};
  for (GraphSpec& graph : bundle.graphs) {
    graph.file = locate(root, graph.file).string();
    if (!graph.reference.empty()) graph.reference = locate(root, graph.reference).string();
  }
  return bundle;
}

}  // namespace tubecam
