#include <gtest/gtest.h>

#include <string>

#include "base/choice.h"

namespace tubecam {
namespace {

enum class Fruit { kApple, kPear, kPlum };

constexpr Choice<Fruit> kFruits[] = {{Fruit::kApple, "apple", "Round"},
                                     {Fruit::kPear, "pear", "Narrow above"},
                                     {Fruit::kPlum, "plum", "Small"}};

TEST(Choice, IsFoundByNameAndByValue) {
  EXPECT_EQ(choose(kFruits, "fruit", "pear").value, Fruit::kPear);
  EXPECT_STREQ(name_of(kFruits, Fruit::kPlum), "plum");
  EXPECT_EQ(name_of(kFruits, static_cast<Fruit>(7)), nullptr);
  EXPECT_EQ(find_choice(kFruits, "Pear"), nullptr);
}

TEST(Choice, AnUnknownNameIsToldTheKnownOnes) {
  try {
    choose(kFruits, "fruit", "stone");
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_STREQ(error.what(), "unknown fruit \"stone\": choose apple, pear or plum");
  }
}

TEST(Choice, ListsAreSentences) {
  constexpr Word one[] = {{"one", ""}}, two[] = {{"one", ""}, {"two", ""}};
  EXPECT_EQ(listed(one), "one");
  EXPECT_EQ(listed(two), "one or two");
}

}  // namespace
}  // namespace tubecam
