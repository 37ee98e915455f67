#include "bundle/sidecar.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/sha256/sha256.h"
#include "bundle/json_node.h"
#include "bundle/precision.h"
#include "bundle/sidecar_graph.h"

namespace tubecam {
namespace {

using Json = JsonNode::Json;

constexpr int kMaxDepth = 32;
constexpr char kOwnHash[] = "sidecar_sha256";

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

std::string hash(const JsonNode& node) {
  const std::string text = node.text();
  const bool good =
      text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) node.refuse("a SHA-256 of 64 lower-case hex digits");
  return text;
}

// Note [The sidecar's own hash]
// Of the text with zeros in place of the hash's own digits. These 64 digits stand there once: a
// text that holds its own hash elsewhere too cannot be made.
bool check_own_hash(const JsonNode& root, std::string text) {
  if (!root.has(kOwnHash)) return false;
  const std::string stated = hash(root.at(kOwnHash));
  const size_t place = text.find(stated);
  if (place != std::string::npos) text.replace(place, stated.size(), stated.size(), '0');
  check(sha256_of(text.data(), text.size()) == stated, ErrorCode::kBundle,
        "was changed since it was written: its SHA-256 is not the one that ", kOwnHash,
        " states. Export or copy the bundle again");
  return true;
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

int whole(const JsonNode& node, const Limits& limits) {
  return int(node.integer(int64_t(limits.least), int64_t(limits.most)));
}

double number(const JsonNode& node, const Limits& limits) {
  return node.number(limits.least, limits.most);
}

void parse_resize(const JsonNode& node, ClipSpec* clip) {
  clip->resize = node.at("rule").one_of(kResizeRules).value;
  if (clip->resize != ResizeRule::kCrop) return;
  const int least = std::max(clip->height, clip->width);
  clip->short_side = whole(node.at("short_side"), {double(least), kClipLimits.short_side});
}

void parse_flow(const JsonNode& node, ClipSpec* clip) {
  const JsonNode flow = node.at("flow");
  clip->flow.used = true;
  clip->flow.bound = float(number(flow.at("bound"), kClipLimits.flow_bound));
  clip->flow.scale = float(number(flow.at("scale"), kClipLimits.flow_scale));
  whole(node.at("length"), {kClipLimits.flow_length, kClipLimits.length.most});
  for (const char* side : {"height", "width"})
    whole(node.at(side), {kClipLimits.flow_side, kClipLimits.side.most});
}

ClipSpec parse_clip(const JsonNode& node) {
  ClipSpec clip;
  clip.length = whole(node.at("length"), kClipLimits.length);
  clip.height = whole(node.at("height"), kClipLimits.side);
  clip.width = whole(node.at("width"), kClipLimits.side);
  clip.sample_fps = number(node.at("sample_fps"), kClipLimits.sample_fps);
  const JsonNode mean = node.at("mean"), std = node.at("std");
  mean.array(3, 3);
  std.array(3, 3);
  for (size_t i = 0; i < 3; ++i) {
    clip.mean[i] = float(number(mean[i], kClipLimits.mean));
    clip.std[i] = float(number(std[i], kClipLimits.std));
  }
  clip.color = node.at("color").one_of(kColorOrders).value;
  parse_resize(node.at("resize"), &clip);
  if (node.has("flow")) parse_flow(node, &clip);
  return clip;
}

Head parse_head(const JsonNode& node) {
  Head head;
  head.kind = node.at("kind").one_of(kHeadKinds).value;
  if (head.kind == HeadKind::kScores) head.unit = "score";
  if (node.has("unit")) head.unit = node.at("unit").one_of(kHeadUnits).name;
  return head;
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
  if (root.has("head")) bundle.head = parse_head(root.at("head"));
  bundle.precision = root.at("precision").one_of(kPrecisions).name;
  bundle.export_error = parse_check(root.at("check"));
  const JsonNode provenance = root.at("provenance");
  if (!provenance.value().is_object()) provenance.refuse("an object");
  const JsonNode graphs = root.at("graphs");
  std::set<std::string> methods;
  const size_t count = graphs.array(1, 16);
  for (size_t i = 0; i < count; ++i)
    bundle.graphs.push_back(parse_graph(graphs[i], sidecar, &methods));
  bundle.sidecar_stated = check_own_hash(root, text);  // last: a wrong value is better named
  return sidecar;
}

}  // namespace tubecam
