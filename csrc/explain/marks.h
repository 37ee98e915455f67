// What a viewer has to know before believing an explanation. Overlay, contact sheet, JSON lines,
// metadata and Python show this list; none of them spells a mark itself.
#pragma once

#include <string>
#include <vector>

#include "explain/explanation.h"

namespace tubecam {

struct Mark {
  std::string key;   // stable: "not-class-specific"
  std::string text;  // a few words for a caption, without a full stop
};

// In the order of their weight; empty: nothing speaks against it.
std::vector<Mark> marks(const Explanation& explanation);

// Every key that there is, in that order.
const std::vector<std::string>& mark_keys();

}  // namespace tubecam
