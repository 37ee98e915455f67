// Kernel: one frame → one normalised frame of a clip.
#pragma once

#include <memory>

#include "base/device.h"
#include "base/export.h"
#include "bundle/clip_spec.h"
#include "clip/frame/frame.h"

namespace tubecam {

struct PreprocessPlan;

// sampled: [3, H, W] float32, (value/255 − mean)/std in the colour order of `spec`.
// The source rectangle is resampled in one pass: shrinking averages over the area that an output
// pixel covers, enlarging is linear with half-pixel centres and clamped edges (each axis and each
// plane for itself).
// What lies outside the frame (kPad) is the mean colour: 0. An output pixel that the frame's edge
// crosses is 0 by the part of it that lies outside.
// YUV planes are resampled first and converted then (the two commute but for clamping of
// out-of-gamut averages); chroma samples are centred between their luma pixels. Converted values
// are clamped to 0…255. Alpha of RGBA and BGRA is ignored.
//
// The weights are kept for the next frame of the same size, format and source rectangle: run()
// then allocates nothing. Not re-entrant. On a CUDA device the frame is brought there, unless it
// lies there, and the sampled frame back; what stays there: preprocess_cuda.h.
class TUBECAM_API Preprocessor {
 public:
  explicit Preprocessor(const ClipSpec& spec, Device device = {});
  ~Preprocessor();
  Preprocessor(Preprocessor&&) noexcept;
  Preprocessor& operator=(Preprocessor&&) noexcept;

  void run(const Frame& frame, const Rect& source, float* sampled);

 private:
  ClipSpec spec_;
  Device device_;
  std::unique_ptr<PreprocessPlan> plan_;
};

// The same for a single frame.
TUBECAM_API void preprocess(const Frame& frame, const Rect& source, const ClipSpec& spec,
                            float* sampled, Device device = {});

}  // namespace tubecam
