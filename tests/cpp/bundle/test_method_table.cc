#include <gtest/gtest.h>

#include <set>

#include "bundle/method_table.h"

namespace tubecam {
namespace {

TEST(MethodTable, NamesAndNumbersAreOfOneMethodEach) {
  std::set<std::string> names;
  std::set<int> numbers;
  for (const Method& method : method_table()) {
    EXPECT_TRUE(names.insert(method.name).second) << method.name;
    EXPECT_TRUE(numbers.insert(method.number).second) << method.name;
    EXPECT_STREQ(find_method(method.name)->name, method.name);
    EXPECT_STRNE(method.meaning, "") << method.name;
  }
  EXPECT_EQ(*numbers.begin(), 1);  // 0 is the elements' "auto"
  EXPECT_EQ(*numbers.rbegin(), int(numbers.size()));
  EXPECT_EQ(find_method("grad-cam"), nullptr);
  EXPECT_EQ(find_method(""), nullptr);
}

// Properties are also set by number, in scripts and saved pipelines.
TEST(MethodTable, NumbersStay) {
  EXPECT_EQ(find_method("gradcam")->number, 1);
  EXPECT_EQ(find_method("lrp-epsilon-plus-flat")->number, 16);
  EXPECT_EQ(find_method("excitation-backprop")->number, 17);
  EXPECT_EQ(find_method("selective-relevance")->number, 24);
  EXPECT_EQ(find_method("attn-lrp")->number, 27);
}

TEST(MethodTable, KindsPartIt) {
  std::vector<std::string> parts;
  for (const MethodKind kind : {MethodKind::kClassActivation, MethodKind::kRelevance,
                                MethodKind::kMultiPass, MethodKind::kMotion}) {
    const std::vector<std::string> names = method_names(kind);
    EXPECT_FALSE(names.empty());
    parts.insert(parts.end(), names.begin(), names.end());
  }
  EXPECT_EQ(parts, method_names());
}

TEST(MethodTable, OnlyCamNeedsTheHeadsWeight) {
  for (const Method& method : method_table())
    EXPECT_EQ(method.needs_weight(), std::string(method.name) == "cam") << method.name;
}

// Magnitudes, rectified signals, and what is the same for every class: no difference of logits.
TEST(MethodTable, NamesWhatHasNoContrast) {
  std::set<std::string> without;
  for (const Method& method : method_table())
    if (!method.has_contrast) without.insert(method.name);
  EXPECT_EQ(without, (std::set<std::string>{"sensitivity", "deconvolution", "guided-backprop",
                                            "attention-rollout"}));
}

}  // namespace
}  // namespace tubecam
