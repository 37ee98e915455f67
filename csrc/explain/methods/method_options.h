// Options of some methods; the others ignore them.
#pragma once

#include "explain/methods/multi_pass.h"

namespace tubecam {

struct MethodOptions {
  MultiPassOptions multi_pass;
  int frozen = -1;   // motion-split: the sampled frame that is frozen, −1 = the middle one
  double sigma = 1;  // selective-relevance and the share of one-pass methods: standard deviations
};

}  // namespace tubecam
