/**
 * element-tubecam
 *
 * Explains what a video model sees, while the video plays: it attaches to every frame where and
 * when the model looked, and posts one message a window. The pixels pass untouched; `tubeoverlay`
 * draws.
 *
 * ## Example pipelines
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=150 ! video/x-raw,width=640,height=360 ! tubecam !
 * tubeoverlay ! videoconvert ! autovideosink
 * ]| The packaged model on a test picture.
 * |[
 * gst-launch-1.0 -m filesrc location=video.mp4 ! decodebin ! tubecam bundle=engines/motion
 * align=delayed ! fakesink
 * ]| Prints one message a window. See meta.h for their fields, which are those of the metadata.
 *
 * ## Time
 * Windows follow presentation times. A gap or a jump of over a second, a step back by more than
 * eight frames, a flush, another segment, another size, and a DISCONT buffer more than a quarter of
 * a second after the one before it start a new window; none is ever part-filled. Timestamps that
 * are missing, repeat or jitter are repaired (Note [Repair] in timestamps.h); where there is
 * neither a timestamp nor a frame rate, frames pass unexplained, as they do while playback runs
 * backwards. All of it, and a source with fewer frames than the model samples, is reported by
 * warnings with counts; the property `stats` has them, too.
 *
 * ## Alignment
 * With `align=latest` a frame carries the newest explanation that is there, until one replaces it,
 * for at most 5 s. With `align=delayed` it waits for the window in whose middle it lies best; see
 * Note [Overlapping windows] in aligner.h. Then frames of the stream's start wait for the first
 * window, so the latency is about a window plus inference; those of a live source leave at its own
 * pace (Note [Pace] in frame_stream.h). More than `max-held-bytes`, or 4 s more than a window, is
 * never held: frames then go with the best explanation that is there, and a warning gives the
 * reason. When no more frames come since a queue beside is full, that queue is named (Note [Full
 * queues]).
 *
 * ## The picture behind
 * The explanation follows what happens to the picture, or is left behind where an element does not
 * say what it does; see Note [Following] in meta_transform.h and deploy/metadata.md.
 *
 * ## Inference
 * It runs on a thread of its own. `late-windows` chooses what happens when it falls behind; frames
 * are never dropped. An explanation that holds NaN or infinity is marked (`valid` is false), one
 * that failed is left out, and both post a warning at most every 5 s.
 *
 * ## Memory
 * System memory, and as far as it was built `memory:NVMM` and `memory:CUDAMemory`, read where it
 * lies (`gst-inspect-1.0` lists what was). Frames on a GPU need no `device` on it: with
 * `device=cpu` the GPU preprocesses them, and their small crops come to the CPU. Two GPUs
 * are refused. A kind of memory that was not built is a NEGOTIATION error which names the option.
 * `align=delayed` takes no `memory:NVMM`: its pools have too few surfaces to hold. With
 * `device=cuda:N` other elements are given this one's CUDA context (GstContext gst.cuda.context).
 *
 * Since pixels pass through, the ALLOCATION query is answered downstream: with
 * GstVideoMeta (any stride) where that is understood there.
 */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS
G_DECLARE_FINAL_TYPE(GstTubecam, gst_tubecam, GST, TUBECAM, GstBaseTransform)
G_END_DECLS
