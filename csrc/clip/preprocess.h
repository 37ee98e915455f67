// Kernel: one frame → one normalised slice of a clip.
#pragma once

#include "base/device.h"
#include "clip/clip_spec.h"
#include "clip/frame.h"

namespace tubecam {

// slice: [3, H, W] float32, (value/255 − mean)/std in the colour order of `spec`.
// The source rectangle is resampled in one pass: shrinking averages over the area that an output pixel covers,
// enlarging is linear with half-pixel centres and clamped edges (each axis for itself).
// What lies outside the frame (kPad) becomes 0.
// YUV planes are resampled first and converted then (the two commute but for clamping of out-of-gamut averages);
// chroma samples are centred between their luma pixels. Converted values are clamped to 0…255.
// Alpha of RGBA and BGRA is ignored.
void preprocess(const Frame& frame, const Rect& source, const ClipSpec& spec, float* slice,
                Device device = {});

}  // namespace tubecam
