// What is reported of a window: the one list of fields, from which metadata, messages, the bindings
// and JSON lines are made (field_values.h). The receipt's are in receipt.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "explain/explanation.h"
#include "explain/marks.h"
#include "explain/receipt/field.h"

namespace tubecam {

inline const std::string* problem_of(const Explanation& e) {
  return e.valid ? nullptr : &e.problem;
}
inline std::string head_of(const Explanation& e) { return to_string(e.head); }
inline Rect crop_of(const Explanation& e) { return e.window.relative_source(); }
inline std::optional<double> motion_share_of(const Explanation& e) {
  return e.motion_by.empty() ? std::nullopt : std::optional(e.motion_share);
}
inline std::string padding_of(const Sampling& s) { return name_of(kPaddings, s.padding); }

inline constexpr auto kExplanationFields = std::make_tuple(
    Field{"valid", &Explanation::valid, "false: NaN or infinity was met; the tube is zero"},
    Field{"problem", problem_of, "where it was met"},
    Field{"window", in<&Explanation::window, &Window::sequence>,
          "counts the windows of a stream from 0"},
    Field{"window-pts", in<&Explanation::window, &Window::pts>,
          "[T], presentation times of the window's sampled frames"}
        .shaped("clip-length"),
    Field{"label", &Explanation::label, "the predicted class"},
    Field{"label-index", as<int, &Explanation::label_index>, "its number"},
    Field{"score", &Explanation::score, "what the model says of it: one of scores"},
    Field{
        "head", head_of,
        "how scores follow from logits: softmax (one of the classes), sigmoid (each by itself) or "
        "scores (the logits themselves, no probability)"},
    Field{"scores", &Explanation::scores, "[K], of all classes; none where a logit is not finite"},
    Field{"also", unless_empty<&Explanation::also>,
          "of a sigmoid head, the other labels above one half (\"b 61 %, c 55 %\")"},
    Field{"target", &Explanation::target,
          "the explained class; \"A:B\" where it is A rather than B"},
    Field{"target-index", as<int, &Explanation::target_index>, "its number"},
    Field{"against-index", as<int, &Explanation::against_index>,
          "the number of B; −1 where the target is one class"},
    Field{"logits", &Explanation::logits, "[K]"},
    Field{"tube", &Explanation::tube, "[t, h, w], relevance in the receipt's unit"}.shaped(
        "tube-t, tube-h, tube-w"),
    Field{"tube-t", item<&Explanation::shape, 0>, "its cells in time"},
    Field{"tube-h", item<&Explanation::shape, 1>, "its rows"},
    Field{"tube-w", item<&Explanation::shape, 2>, "its columns"},
    Field{"stride", &Explanation::stride,
          "cell i is centred on offset + stride·i: sampled frames, clip pixels, clip pixels"},
    Field{"offset", &Explanation::offset, "the same"},
    Field{"motion", unless_empty<&Explanation::motion>,
          "[t, h, w], 0…1: how much of each cell's relevance is motion; missing where the method "
          "lacks it"}
        .shaped("tube-t, tube-h, tube-w"),
    Field{"motion-share", motion_share_of,
          "the same of the decision, 0…1; NaN where nothing is relevant"},
    Field{"motion-by", unless_empty<&Explanation::motion_by>,
          "how it was found: split, split-exact or selective (explain/methods/motion.h), or flow "
          "(explain/methods/pathways.h)"},
    Field{"clip-length", item<&Explanation::clip, 0>, "T"},
    Field{"clip-height", item<&Explanation::clip, 1>, "H"},
    Field{"clip-width", item<&Explanation::clip, 2>, "W"},
    Field{"crop", crop_of, "relative: where in the frame the model looked"},
    Field{"frame-width", in<&Explanation::window, &Window::frame_width>,
          "of the picture that \"relative\" speaks of, pixels"},
    Field{"frame-height", in<&Explanation::window, &Window::frame_height>, "the same"},
    Field{"curve", &Explanation::curve, "[T], the tube's sum over space at each sampled frame"}
        .shaped("clip-length"),
    Field{"fused-curve", unless_empty<&Explanation::fused_curve>,
          "[T], the same fused from this window and those before it; missing for a clip that is "
          "alone"}
        .shaped("clip-length"),
    Field{"peak-value", in<&Explanation::peak, &Peak::value>, "in the receipt's unit"},
    Field{"peak-slice", in<&Explanation::peak, &Peak::slice>, "its place: sampled frame"},
    Field{"peak-y", in<&Explanation::peak, &Peak::y>, "clip pixels"},
    Field{"peak-x", in<&Explanation::peak, &Peak::x>, "clip pixels"},
    Field{"peak-frame-y", in<&Explanation::peak_point, &Box::y>, "relative"},
    Field{"peak-frame-x", in<&Explanation::peak_point, &Box::x>, "relative"},
    Field{"peak-pts", as<uint64_t, &Explanation::peak_pts>, "its time"},
    Field{"threshold", &Explanation::threshold, "of the tube's maximum: what counts as a box"},
    Field{"boxes", &Explanation::boxes,
          "[n, 5]: x, y, width, height (relative), greatest relevance"}
        .shaped("-1, 5"),
    Field{
        "signal", &Explanation::signal,
        "[n], what became final by this window of the stream's relevance over time, fused from all "
        "overlapping windows"},
    Field{"signal-pts", &Explanation::signal_pts, "[n], its times"});

// Of a model with several explained layers, each under "pathway-i-"; the tube above joins theirs.
inline constexpr auto kPathwayFields = std::make_tuple(
    Field{"name", &Pathway::name, "the pathway's"}, Field{"layer", &Pathway::layer, "its layer"},
    Field{"of-flow", &Pathway::of_flow, "it sees the optical flow, not the picture"},
    Field{"tube", &Pathway::tube, "[t, h, w], as above"}.shaped("t, h, w"),
    Field{"t", item<&Pathway::shape, 0>, "its cells in time"},
    Field{"h", item<&Pathway::shape, 1>, "its rows"},
    Field{"w", item<&Pathway::shape, 2>, "its columns"},
    Field{"stride", &Pathway::stride, "as above"}, Field{"offset", &Pathway::offset, "as above"},
    Field{"relevance-sum", &Pathway::relevance_sum, "before ReLU"},
    Field{"share", &Pathway::share, "per cent of the decision, NaN where pathways cancel"});

// What speaks against believing it, gravest first, each under "mark-i-" (marks.h).
inline constexpr auto kMarkFields = std::make_tuple(Field{"key", &Mark::key, "a stable name"},
                                                    Field{"text", &Mark::text, "words for people"});

inline constexpr auto kSamplingFields = std::make_tuple(
    Field{"sample-fps", &Sampling::fps, "sampled frames a second; 0: unknown"}.called("fps"),
    Field{"stated-fps", &Sampling::stated_fps, "what the bundle states"},
    Field{"padding", padding_of,
          "what the last frames are where the video was too short for a window: last (its last "
          "frame) or loop (it plays again, and window-pts go on beyond its end); else none"},
    Field{"padded", &Sampling::padded, "how many sampled frames these are"});

inline constexpr auto kTimingFields = std::make_tuple(
    Field{"preprocess-ms", &Timings::preprocess,
          "all sampled frames new to this window, and their optical flow"}
        .called("preprocess"),
    Field{"engine-ms", &Timings::engine, "logits and the explanation's tensors"}.called("engine"),
    Field{"explain-ms", &Timings::explain, "tube, curve, peak, boxes"}.called("explain"));

}  // namespace tubecam
