// Bundles: reading them, and that any other text or folder brings an Error, never a crash.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"
#include "base/sha256/sha256.h"
#include "bundle/bundle.h"
#include "bundle/sidecar.h"

namespace tubecam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kGolden = TUBECAM_TEST_GOLDEN;

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string good_sidecar() { return read(kGolden / "pool" / "bundle.json"); }

// What parse_sidecar says against a text; empty where it is content. Anything but Error escapes.
std::string complaint(const std::string& text) {
  try {
    parse_sidecar(text);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBundle);
    EXPECT_STRNE(error.what(), "");
    return error.what();
  }
}

// A copy of the good bundle that a test may spoil.
class BundleFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("tubecam-bundle-") + test->name());
    fs::remove_all(folder_);
    fs::copy(kGolden / "pool", folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string complaint() const {
    try {
      load_bundle(folder_.string());
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBundle);
      return error.what();
    }
  }

  fs::path folder_;
};

TEST_F(BundleFolder, IsReadWhole) {
  const Bundle bundle = load_bundle(folder_.string());
  EXPECT_EQ(bundle.name, "tiny-pool");
  EXPECT_EQ(bundle.labels.size(), 5u);
  EXPECT_EQ(bundle.clip.length, 8);
  EXPECT_EQ(bundle.clip.short_side, 16);
  ASSERT_EQ(bundle.graphs.size(), 1u);
  const GraphSpec& graph = bundle.graphs[0];
  EXPECT_TRUE(fs::path(graph.file).is_absolute());
  EXPECT_EQ(graph.sha256, sha256_of_file(graph.file));
  EXPECT_EQ(graph.methods.size(), 7u);
  ASSERT_EQ(graph.layers.size(), 1u);
  EXPECT_EQ(graph.layers[0].layer.shape, (std::array<int, 4>{6, 4, 4, 4}));
  EXPECT_EQ(graph.grid().shape, graph.layers[0].layer.shape);
  EXPECT_EQ(graph.grid().offset, (std::array<double, 3>{0.5, 1.5, 1.5}));
  EXPECT_EQ(bundle.export_error, 1e-7);
}

TEST_F(BundleFolder, IsRefusedWhenAFileChanged) {
  write(folder_ / "model.onnx", read(folder_ / "model.onnx") + "x");
  EXPECT_NE(complaint().find("model.onnx is not the file"), std::string::npos) << complaint();
}

TEST_F(BundleFolder, IsRefusedWithoutAFile) {
  fs::remove(folder_ / "labels.txt");
  EXPECT_NE(complaint().find("has no labels.txt"), std::string::npos) << complaint();
}

TEST_F(BundleFolder, IsRefusedWhenALinkLeavesIt) {
  fs::remove(folder_ / "labels.txt");
  fs::create_symlink(kGolden / "pool" / "labels.txt", folder_ / "labels.txt");
  EXPECT_NE(complaint().find("link that leaves"), std::string::npos) << complaint();
}

TEST_F(BundleFolder, IsRefusedWhenTheSidecarIsHuge) {
  write(folder_ / "bundle.json", good_sidecar() + std::string(1 << 20, ' '));
  EXPECT_NE(complaint().find("larger than"), std::string::npos) << complaint();
}

TEST(Bundle, RefusesFoldersThatAreNone) {
  for (const char* folder : {"", "/nonexistent", "/dev/null", "\xff\xfe"}) {
    EXPECT_THROW(load_bundle(folder), Error) << folder;
  }
}

TEST(Sidecar, GoodOneIsTaken) { EXPECT_EQ(complaint(good_sidecar()), ""); }

TEST(Sidecar, EveryValueAtItsExtremes) {
  const Json good = Json::parse(good_sidecar()), flat = good.flatten();
  const std::vector<Json> extremes = {nullptr,
                                      true,
                                      0,
                                      -1,
                                      INT64_MAX,
                                      INT64_MIN,
                                      UINT64_MAX,
                                      1e308,
                                      -1e308,
                                      5e-324,
                                      0.5,
                                      "",
                                      "x",
                                      std::string(100000, 'x'),
                                      "../x",
                                      "/x",
                                      "\n",
                                      Json::array(),
                                      Json::object(),
                                      Json::array({1, 2, 3}),
                                      Json(std::vector<int>(10000, 1))};
  int refused = 0;
  for (const auto& [pointer, ignored] : flat.items()) {
    for (const Json& extreme : extremes) {
      Json bad = good;
      bad[Json::json_pointer(pointer)] = extreme;
      refused += !complaint(bad.dump()).empty();
    }
  }
  EXPECT_GT(refused, 700);
}

TEST(Sidecar, EveryKeyMissing) {
  const Json good = Json::parse(good_sidecar()), flat = good.flatten();
  for (const auto& [pointer, ignored] : flat.items()) {
    const Json::json_pointer path(pointer);
    Json bad = good;
    Json& parent = bad[path.parent_pointer()];
    if (parent.is_array()) parent.erase(parent.begin());
    if (parent.is_object()) parent.erase(path.back());
    complaint(bad.dump());  // must not crash; Python's tests look at the words
  }
}

TEST(Sidecar, EveryCut) {
  const std::string good = good_sidecar();
  const size_t end = good.rfind('}');
  for (size_t size = 0; size <= end; ++size) EXPECT_NE(complaint(good.substr(0, size)), "") << size;
}

TEST(Sidecar, RandomBytes) {
  std::mt19937 random(7);
  const std::string good = good_sidecar();
  for (int round = 0; round < 5000; ++round) {
    std::string text = good;
    for (unsigned i = 0; i <= round % 4u; ++i) text[random() % text.size()] = char(random());
    if (round % 5 == 0)
      text.insert(random() % text.size(), text.substr(random() % text.size(), 200));
    complaint(text);
  }
}

TEST(Sidecar, DeepNesting) {
  for (const char* open : {"[", "{\"a\":", "[{\"a\":["}) {
    std::string text;
    while (text.size() < (1 << 20)) text += open;
    EXPECT_NE(complaint(text), "");
    EXPECT_NE(complaint("{\"format\":" + text), "");
  }
}

}  // namespace
}  // namespace tubecam
