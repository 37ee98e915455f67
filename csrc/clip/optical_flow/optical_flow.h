// The seam for optical flow: dense displacements between two pictures, by whatever computes them.
#pragma once

#include <cstdint>
#include <memory>

#include "base/device.h"
#include "base/export.h"
#include "bundle/clip_spec.h"

namespace tubecam {

class OpticalFlow {
 public:
  virtual ~OpticalFlow() = default;

  // from, to: [H, W] grey. flow: [2, H, W] float32, x then y, pixels: what is at (x, y) in `from`
  // is at (x + flow_x, y + flow_y) in `to`. Not re-entrant.
  virtual void run(const uint8_t* from, const uint8_t* to, float* flow) = 0;
};

// The explicit factory, for pictures of height×width, each at least kLeastFlowSide. On the CPU: DIS
// (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search") of OpenCV. Throws
// kUnavailable where the build has no OpenCV, naming the CMake option and the package, or where it
// does not load; kUsage for sizes.
TUBECAM_API std::unique_ptr<OpticalFlow> make_optical_flow(int height, int width,
                                                           Device device = {});

constexpr int kLeastFlowSide = int(kClipLimits.flow_side);

// What a flow's library exports, as extern "C" `tubecam_make_optical_flow`. The caller owns the
// result.
using OpticalFlowEntry = OpticalFlow*(int height, int width);

}  // namespace tubecam
