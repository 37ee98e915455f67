#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "bundle/method_table.h"
#include "explain/marks.h"
#include "explain/receipt/scores.h"

namespace tubecam {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Scores, OfEachHead) {
  const std::vector<float> logits = {0, std::log(3.0f)};
  const auto softmax = scores_of(logits, HeadKind::kSoftmax);
  EXPECT_FLOAT_EQ(softmax[0], 0.25f);
  EXPECT_FLOAT_EQ(softmax[1], 0.75f);
  const auto sigmoid = scores_of(logits, HeadKind::kSigmoid);
  EXPECT_FLOAT_EQ(sigmoid[0], 0.5f);
  EXPECT_FLOAT_EQ(sigmoid[1], 0.75f);
  EXPECT_EQ(scores_of(logits, HeadKind::kScores), logits);
}

TEST(Scores, DoNotOverflow) {
  for (const HeadKind head : {HeadKind::kSoftmax, HeadKind::kSigmoid}) {
    const auto scores = scores_of({3e38f, -3e38f}, head);
    EXPECT_EQ(scores[0], 1);
    EXPECT_EQ(scores[1], 0);
  }
}

TEST(Scores, OneLogitAsTwoHasTheProbabilitiesOfBothAnswers) {
  const auto scores = scores_of({-1.5f, 1.5f}, HeadKind::kSigmoid);
  EXPECT_FLOAT_EQ(scores[0] + scores[1], 1);
}

TEST(Scores, WordsAreNoPercentageWhereTheModelGaveNoProbability) {
  EXPECT_EQ(score_text(0.526f, HeadKind::kSoftmax), "53 %");
  EXPECT_EQ(score_text(0.526f, HeadKind::kSigmoid), "53 %");
  EXPECT_EQ(score_text(0.526f, HeadKind::kScores), "0.526");
  EXPECT_EQ(score_text(-1234.5f, HeadKind::kScores), "-1.23e+03");
  EXPECT_EQ(score_text(NAN, HeadKind::kSoftmax), "");
  EXPECT_EQ(score_text(kInfinity, HeadKind::kScores), "");
}

TEST(Scores, ClassesThatArePresent) {
  const std::vector<float> scores = {0.6f, 0.5f, 0.9f, 0.1f};
  EXPECT_EQ(present_classes(scores, HeadKind::kSigmoid), (std::vector<size_t>{2, 0}));
  EXPECT_TRUE(present_classes(scores, HeadKind::kSoftmax).empty());
  EXPECT_TRUE(present_classes({}, HeadKind::kSigmoid).empty());
}

TEST(Head, NamesGoBothWays) {
  for (const std::string& name : names_of(kHeadKinds))
    EXPECT_EQ(to_string(parse_head_kind(name)), name);
  EXPECT_THROW(parse_head_kind("softplus"), Error);
}

TEST(Unit, IsTheHeadsWhereAMethodSharesThatOut) {
  const Head logit, log_probability{HeadKind::kSoftmax, "log-probability"};
  EXPECT_EQ(unit_of("cam", logit), "logit");
  EXPECT_EQ(unit_of("lrp-epsilon-plus", log_probability), "log-probability");
  EXPECT_EQ(unit_of("sensitivity", logit), "logit per input");
  EXPECT_EQ(unit_of("smoothgrad", log_probability), "log-probability per input");
  EXPECT_EQ(unit_of("attention-rollout", logit), "share");
  EXPECT_EQ(unit_of("guided-backprop", logit), "none");
}

TEST(Marks, OfAnExplanationAndOfItsGraph) {
  Explanation explanation;
  explanation.shape = {8, 14, 14};
  EXPECT_TRUE(marks(explanation).empty());
  explanation.receipt.class_specific = std::nullopt;
  explanation.receipt.fell_back_from = "cuda:1: out of memory: 3 of 4 GiB";
  const auto found = marks(explanation);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].key, "class-dependence-unknown");
  EXPECT_EQ(found[1].text, "on the CPU in place of cuda:1");
  GraphSpec graph;
  graph.layers[0].layer.shape = {64, 8, 14, 14};
  graph.class_agnostic = {"sensitivity"};
  ASSERT_EQ(marks(graph, "sensitivity").size(), 1u);
  EXPECT_EQ(marks(graph, "sensitivity")[0].key, "not-class-specific");
  EXPECT_TRUE(marks(graph, "gradcam").empty());
}

}  // namespace
}  // namespace tubecam
