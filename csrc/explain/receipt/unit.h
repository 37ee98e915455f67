// In what a method's tube is measured.
#pragma once

#include <string>

#include "base/export.h"
#include "bundle/head.h"

namespace tubecam {

// The head's unit ("logit") for methods that share out the explained value or a part of it;
// "logit per input" for gradients: its change when a normalised pixel changes by 1; "share", 0…1,
// of attention; "none" for signals that follow a rule of their own on the way back.
// method: of a graph; the methods of motion are measured like the method that they are made of.
TUBECAM_API std::string unit_of(const std::string& method, const Head& head);

}  // namespace tubecam
