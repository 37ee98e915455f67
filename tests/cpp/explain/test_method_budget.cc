// Cheaper methods while the engine does not keep up, without flapping. Times are made up.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "explain/method_budget.h"

namespace tubecam {
namespace {

const std::vector<std::string> kMethods = {"lrp-epsilon-plus", "gradcam", "cam"};

// Explains `windows` windows that take what `cost` says; the number of changes of method.
int run(MethodBudget& budget, int windows, const std::map<std::string, double>& cost) {
  int changes = 0;
  for (int i = 0; i < windows; ++i) {
    const std::string before = budget.method();
    budget.record(cost.at(before));
    changes += budget.method() != before;
  }
  return changes;
}

GraphSpec graph(const std::vector<std::string>& methods, const std::string& output) {
  GraphSpec spec;
  spec.methods = methods;
  ExplainedLayer& layer = spec.layers[0];
  if (output != "relevance") layer.activation = "activation";
  (output == "relevance" ? layer.relevance
   : output == "weight"  ? layer.weight
                         : layer.gradient) = output;
  return spec;
}

TEST(MethodBudget, StepsDownToWhatFits) {
  MethodBudget budget(100, kMethods);
  EXPECT_EQ(budget.method(), "lrp-epsilon-plus");
  EXPECT_EQ(budget.downgraded_from(), "");
  run(budget, 5, {{"lrp-epsilon-plus", 300}});
  EXPECT_EQ(budget.method(), "gradcam");
  EXPECT_EQ(budget.downgraded_from(), "lrp-epsilon-plus");
  run(budget, 50, {{"gradcam", 90}});
  EXPECT_EQ(budget.method(), "gradcam");
  run(budget, 5, {{"gradcam", 130}, {"cam", 60}});
  EXPECT_EQ(budget.method(), "cam");
  run(budget, 50, {{"cam", 900}});
  EXPECT_EQ(budget.method(), "cam");  // nothing is cheaper
}

TEST(MethodBudget, OneSlowWindowChangesNothing) {
  MethodBudget budget(100, kMethods);
  for (int i = 0; i < 40; ++i) budget.record(i % 5 == 0 ? 5000 : 80);
  EXPECT_EQ(budget.method(), kMethods[0]);
}

TEST(MethodBudget, ComesBackAfterQuietWindows) {
  MethodBudget budget(100, kMethods);
  run(budget, 5, {{kMethods[0], 300}});
  run(budget, MethodBudget::kQuietWindows - 1, {{"gradcam", 40}});
  EXPECT_EQ(budget.method(), "gradcam");
  budget.record(40);
  EXPECT_EQ(budget.method(), kMethods[0]);
  EXPECT_EQ(run(budget, 1000, {{kMethods[0], 90}}), 0);
}

TEST(MethodBudget, QuietWindowsAreBrokenByABusyOne) {
  MethodBudget budget(100, kMethods);
  run(budget, 5, {{kMethods[0], 300}});
  for (int i = 0; i < 10 * MethodBudget::kQuietWindows; ++i) budget.record(i % 10 == 0 ? 60 : 40);
  EXPECT_EQ(budget.method(), "gradcam");
}

TEST(MethodBudget, NeverFlapsWhereTheDearMethodNeverFits) {
  MethodBudget budget(100, kMethods);
  const std::map<std::string, double> cost = {{kMethods[0], 150}, {"gradcam", 40}, {"cam", 20}};
  const int changes = run(budget, 10000, cost);
  EXPECT_LE(changes, 2 * 22);  // tries 20, 40 … 640, then every 640 windows
  EXPECT_GE(changes, 2 * 10);  // and yet it goes on trying
}

TEST(MethodBudget, RiseThatLastsMakesTheNextOneQuick) {
  MethodBudget budget(100, kMethods);
  const std::map<std::string, double> busy = {{kMethods[0], 150}, {"gradcam", 40}};
  const std::map<std::string, double> quiet = {{kMethods[0], 90}, {"gradcam", 40}};
  run(budget, 1000, busy);
  run(budget, 1000, quiet);
  EXPECT_EQ(budget.method(), kMethods[0]);
  run(budget, 5, busy);
  EXPECT_EQ(budget.method(), "gradcam");
  run(budget, MethodBudget::kQuietWindows, quiet);
  EXPECT_EQ(budget.method(), kMethods[0]);
}

TEST(MethodBudget, NoBudgetNoChange) {
  MethodBudget budget(0, kMethods);
  EXPECT_EQ(run(budget, 100, {{kMethods[0], 1e6}}), 0);
}

TEST(MethodBudget, RefusesWhatIsNoBudget) {
  EXPECT_THROW(MethodBudget(-1, kMethods), Error);
  EXPECT_THROW(MethodBudget(NAN, kMethods), Error);
  EXPECT_THROW(MethodBudget(INFINITY, kMethods), Error);
}

TEST(FallbackMethods, AreThoseOfCheaperGraphs) {
  Bundle bundle;
  bundle.graphs = {graph({"lrp-epsilon"}, "relevance"), graph({"gradcam", "hirescam"}, "gradient"),
                   graph({"cam"}, "weight")};
  using Names = std::vector<std::string>;
  EXPECT_EQ(fallback_methods(bundle, "lrp-epsilon"), (Names{"lrp-epsilon", "gradcam", "cam"}));
  EXPECT_EQ(fallback_methods(bundle, "hirescam"), (Names{"hirescam", "cam"}));
  EXPECT_EQ(fallback_methods(bundle, "cam"), (Names{"cam"}));
  bundle.graphs[1] = graph({"gradcam", "cam"}, "weight");
  bundle.graphs.pop_back();
  EXPECT_EQ(fallback_methods(bundle, "lrp-epsilon"), (Names{"lrp-epsilon", "gradcam"}));
  EXPECT_EQ(fallback_methods(bundle, "gradcam"), (Names{"gradcam"}));
}

}  // namespace
}  // namespace tubecam
