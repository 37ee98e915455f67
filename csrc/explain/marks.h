// What a viewer has to know before believing an explanation. Overlay, contact sheet, JSON lines,
// metadata and Python show this list; none of them spells a mark itself.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "bundle/bundle.h"
#include "explain/explanation.h"

namespace tubecam {

struct Mark {
  std::string key;   // stable: "not-class-specific"
  std::string text;  // a few words for a caption, without a full stop
};

// In the order of their weight; empty: nothing speaks against it.
TUBECAM_API std::vector<Mark> marks(const Explanation& explanation);

// Those that every explanation by a method of a graph bears.
TUBECAM_API std::vector<Mark> marks(const GraphSpec& graph, const std::string& method);

// Every key that there is, in that order.
TUBECAM_API const std::vector<std::string>& mark_keys();

}  // namespace tubecam
