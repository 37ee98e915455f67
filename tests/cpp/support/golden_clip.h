// The clip of tests/golden/make_bundles.py and what NumPy says of it.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace tubecam {

inline std::string golden_folder(const std::string& name) {
  return std::string(TUBECAM_TEST_GOLDEN) + "/" + name;
}

// [8, 3, 16, 16]
inline std::vector<float> golden_clip() {
  std::vector<float> clip(8 * 3 * 16 * 16);
  for (size_t i = 0; i < clip.size(); ++i) clip[i] = float(i * 7919 % 1000 / 500.0 - 1);
  return clip;
}

// Five logits, then the greatest logit less its bias.
inline std::vector<double> golden_numbers(const std::string& name) {
  std::ifstream stream(golden_folder(name) + "/expected.txt");
  return {std::istream_iterator<double>(stream), {}};
}

}  // namespace tubecam
