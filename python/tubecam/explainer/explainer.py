"""From frames to explanations: the Python face of ``csrc/explain/explainer.h``."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .. import _core
from .._core import Frame
from ..bundle.bundle import from_core
from ..bundle.packaged import DEFAULT, find_bundle
from ..bundle.targets import Target, parse_targets
from ..errors import UsageError
from .arguments import check_types, nanoseconds
from .clip_layout import clips_of, detached, holds_bytes, is_array, slice_times
from .explain_frames import explain_frames
from .explanation import Explanation
from .from_core import explanation_of
from .options import MethodOptions, core_options
from .settings import Settings

Clip = npt.NDArray[Any] | Sequence[Any] | Any


class Explainer(Settings):
    """Runs a bundle and explains each of its predictions.

    Threads may share one: a call waits for the one before it, and what it is asked by arguments
    is its own. A process made by ``fork`` goes on with those that it inherits. To one made by
    ``spawn`` they can be sent: pickling keeps the arguments and what was set since, but not the
    frames pushed so far, and the engine is opened again there. Copying makes another in the same
    way.

    Parameters
    ----------
    bundle : path, optional
        A bundle's folder, or the name of one that comes with the package. Left out: the small
        motion model.
    device : str
        "cpu", "cuda" or "cuda:N". On a GPU slices, clips and tensors stay there; so do tubes, for
        code that wants them there (`Explanation.device_tube`).
    precision : str
        "auto" (the bundle's own: float32, or what it was exported in), "float32", "float16",
        "bfloat16" or "int8". A bundle of int8 or float16 runs its float32 reference in the other
        ones.
    method : str, optional
        One of `methods`; left out, the bundle's default.
    target : int or str
        The class to explain, its number or its label; −1 is the predicted one; "A:B" is evidence
        for A rather than B.
    hop : int
        Slices from one window to the next, for `push` and `explain_video`.
    threshold : float
        Part of the tube's maximum from which on a region becomes a box, 0…1.
    threads : int
        Of the engine; 0 leaves it the choice.
    engine : str
        "auto", "openvino" or "tensorrt".
    cache_dir : path, optional
        Where the engine keeps compiled models, for a faster start.
    budget_ms : float
        Milliseconds that a window may take; 0 is no budget. While the engine needs more, a cheaper
        method of the bundle takes the place of `method`: relevance to the input, then Grad-CAM,
        then CAM. The receipt says so (`downgraded_from`).
    options : MethodOptions, optional
        What some methods can be told.
    fallback : str
        "cpu": go on there when the GPU cannot be used or is lost; the receipt says so
        (`fell_back_from`). "none": that is an error.

    Raises
    ------
    BundleError
        The bundle is missing, changed, newer than this version, or inconsistent.
    EngineError
        The engine cannot load the graph, or the graph is not what the sidecar states.
    UnavailableError
        The engine was not built or is not installed.
    UsageError
        An argument is out of range; the message names the valid ones.
    """

    def __init__(
        self,
        bundle: str | os.PathLike[str] | None = None,
        *,
        device: str = "cpu",
        precision: str = "auto",
        method: str | None = None,
        target: int | str = -1,
        hop: int = 4,
        threshold: float = 0.5,
        threads: int = 0,
        engine: str = "auto",
        cache_dir: str | os.PathLike[str] | None = None,
        budget_ms: float = 0.0,
        options: MethodOptions | None = None,
        fallback: str = "none",
    ) -> None:
        options = MethodOptions() if options is None else options
        bundle = DEFAULT if bundle is None else bundle
        check_types(
            bundle=bundle, device=device, precision=precision, method=method or "", hop=hop,
            threshold=threshold, threads=threads, engine=engine, cache_dir=cache_dir or "",
            budget_ms=budget_ms, fallback=fallback,
        )  # fmt: skip
        self._opened = {
            "device": device, "precision": precision, "threads": threads, "engine": engine,
            "cache_dir": os.fspath(cache_dir or ""), "fallback": fallback,
        }  # fmt: skip
        self._core = _core.Explainer(
            os.fspath(find_bundle(os.fspath(bundle))),
            method=method or "", hop=hop, threshold=threshold, budget_ms=budget_ms,
            method_options=core_options(options), **self._opened,
        )  # fmt: skip
        self._options = options
        self._budget_ms = budget_ms
        self._bundle = from_core(self._core.bundle)
        self._method = method or self._bundle.default_method
        self._hop, self._threshold = hop, threshold
        self.target = target
        self._sample_fps = 0.0

    @overload
    def explain(
        self, clip: Clip, target: int | str | None = None, method: str | None = None,
        times: npt.ArrayLike | None = None, *, layout: str | None = None,
        normalised: bool | None = None,
    ) -> Explanation: ...  # fmt: skip
    @overload
    def explain(
        self, clip: Clip, target: Sequence[int | str], method: str | None = None,
        times: npt.ArrayLike | None = None, *, layout: str | None = None,
        normalised: bool | None = None,
    ) -> list[Explanation]: ...  # fmt: skip
    def explain(
        self,
        clip: Clip,
        target: int | str | Sequence[int | str] | None = None,
        method: str | None = None,
        times: npt.ArrayLike | None = None,
        *,
        layout: str | None = None,
        normalised: bool | None = None,
    ) -> Any:
        """Explains one clip, or each of a batch, for one class or for several.

        Arrays of other libraries (torch, CuPy, pycuda) are read where they lie, without a copy, by
        DLPack or ``__cuda_array_interface__``: in system memory or, by an explainer on that device,
        on a GPU. What the producer's stream still has to do is waited for there.

        Parameters
        ----------
        clip
            T frames of any one size: uint8 [T, H, W, 3], [T, 3, H, W] or [3, T, H, W] in RGB, or a
            list of frames; of float 0…1 with `normalised` False, which are rounded to bytes. Or
            float32 [T, 3, H, W] of the model's own size, normalised as the bundle's `clip` says,
            its axes in any of these orders. Or a batch [N, …] of either, or a list of clips.
        target
            The class, its label or its number; −1 is the predicted one. "A:B" is evidence for A
            rather than B, the difference of their logits, by two passes. Of a list, each in turn.
            Left out: the Explainer's own.
        method
            One of `methods`; left out, the Explainer's own.
        times
            Seconds of the T slices, which must not fall; left out, one every
            ``1 / clip_spec.sample_fps``. [N, T] for a batch whose clips differ in them.
        layout
            The order of the axes, "TCHW", "THWC" or "CTHW", with N in front for a batch; left out,
            the one that fits, and where several do, that is an error.
        normalised
            Whether values are what the model takes. Needed of float arrays whose values all lie in
            0…1, and of pixels that are no uint8.

        Returns
        -------
        Explanation
            For a list of targets, a list of them; for a batch, a list of what each clip has.

        Raises
        ------
        UsageError
            There is no such class or method; the method has no contrast; shape or dtype are none of
            these, the elements do not lie side by side, or the array is on another device than
            this explainer. The message states what was given and what is taken.
        UnavailableError
            The array is on a GPU, and this build or machine has no way to it.
        """
        check_types(method=method or "")
        targets, many = (None, False) if target is None else parse_targets(target, self.labels)
        clips, is_batch = clips_of(clip, self.clip_spec, layout, normalised)
        found = [
            self._explain_one(one, targets, method or "", at)
            for one, at in zip(clips, _times(times, len(clips) if is_batch else None))
        ]
        each = found if many else [explanations[0] for explanations in found]
        return each if is_batch else each[0]

    def _explain_one(
        self, clip: Any, targets: list[Target] | None, method: str, pts: list[int] | None
    ) -> list[Explanation]:
        if targets == []:
            return []
        if is_array(clip) and not holds_bytes(clip):
            found = self._open.explain(clip, pts, targets, method)
        else:
            frames = [_frame(frame) for frame in clip]
            found = self._open.explain_frames(frames, pts, targets, method)
        return [self._wrap(core) for core in found]

    def push(self, frame: npt.NDArray[np.uint8] | Frame | Any, pts: float) -> Explanation | None:
        """Takes a frame of a stream; gives an explanation each time a window is complete.

        Parameters
        ----------
        frame
            uint8 [height, width, 3] in RGB, of NumPy or another library, also on the explainer's
            GPU; or a `Frame` in any pixel format.
        pts
            Its presentation time in seconds.
        """
        core = self._open.push(_frame(frame), nanoseconds(pts))
        return None if core is None else self._wrap(core)

    def finish(self, pad: str = "last") -> Explanation | None:
        """Ends a stream; one that was shorter than a window gives its only explanation here.

        Parameters
        ----------
        pad
            "last" fills the window up with the last frame, "loop" plays the stream again, "none"
            does nothing. `Explanation.sampling` says what was done.
        """
        core = self._open.finish(pad)
        return None if core is None else self._wrap(core)

    def explain_video(
        self,
        source: str | os.PathLike[str] | Iterable[tuple[Any, float]],
        *,
        pad: str = "last",
        sampling: str = "rate",
    ) -> Iterator[Explanation]:
        """Explains a video, window after window; closing the iterator ends it.

        Parameters
        ----------
        source
            A file's path, a URI, ``camera:N``; or frames with their times, pairs of what `push`
            takes and seconds.
        pad
            What fills the window of a video that is shorter than one: "last" (its last frame),
            "loop" (it plays again) or "none".
        sampling
            "rate" takes slices as often as the bundle states. "uniform" spreads the slices of one
            window evenly over a whole file, from its first frame to its last, however long it is.

        Yields
        ------
        Explanation
            One a window, as soon as its last frame came.

        Raises
        ------
        StreamError
            It cannot be opened or decoded, or is shorter than one window and `pad` is "none".
        UsageError
            The source is none of these, or cannot be sampled so.

        Warns
        -----
        DamageWarning
            Parts of the video are missing or broken; all others are explained.
        StreamWarning
            Its timestamps had to be repaired.
        """
        if isinstance(source, (str, os.PathLike)):
            from .explain_video import explain_video  # loads GStreamer

            return explain_video(self, os.fspath(source), pad, sampling)
        return explain_frames(self, source, pad, sampling)

    def reset(self) -> None:
        """Forgets the frames pushed so far, for a seek or a new stream."""
        self._open.reset()

    def close(self) -> None:
        """Frees the engine. Explanations stay valid; calling it again does nothing."""
        self._core = None

    def __reduce__(self) -> tuple[Any, ...]:
        self._open  # noqa: B018  (a closed one has nothing to give on)
        arguments = {
            **self._opened, "method": self._method, "target": self._target, "hop": self._hop,
            "threshold": self._threshold, "budget_ms": self._budget_ms, "options": self._options,
        }  # fmt: skip
        return functools.partial(type(self), self._bundle.folder, **arguments), ()

    def __repr__(self) -> str:
        if self._core is None:
            return f"<Explainer of {self._bundle.name}, closed>"
        clip, target = self.clip_spec, "" if self.target == -1 else f" of {self.target!r}"
        return (
            f"<Explainer of {self._bundle.name}: {self.method}{target}, {len(self.labels)} classes,"
            f" clips {clip.length}×3×{clip.height}×{clip.width}, on {self.device}>"
        )

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wrap(self, core: _core.Explanation) -> Explanation:
        return explanation_of(core, self._bundle.labels)


def _times(times: npt.ArrayLike | None, clips: int | None) -> list[list[int] | None]:
    """Nanoseconds of the slices, for each of a batch of clips or for the one."""
    if times is None:
        return [None] * (clips or 1)
    apart = clips is not None and len(np.shape(times)) == 2
    each = list(np.asarray(times)) if apart else [times] * (clips or 1)
    if clips is not None and len(each) != clips:
        raise UsageError(f"there are {clips} clips and the times of {len(each)}")
    return [[nanoseconds(second) for second in slice_times(one)] for one in each]


def _frame(frame: npt.NDArray[np.uint8] | Frame | Any) -> Frame:
    if isinstance(frame, Frame):
        return frame
    frame = detached(frame)
    return Frame.from_array(frame if is_array(frame) else np.asarray(frame))
