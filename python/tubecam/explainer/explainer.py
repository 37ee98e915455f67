"""From frames to explanations: the Python face of ``csrc/explain/explainer.h``."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..bundle.bundle import Bundle, from_core
from ..bundle.packaged import DEFAULT, find_bundle
from ..bundle.targets import class_number
from ..errors import UsageError
from .clip_array import detached, holds_bytes, one_clip, slice_times
from .explanation import Explanation
from .explanation import from_core as explanation_from_core
from .options import MethodOptions


class Explainer:
    """Runs a bundle and explains each of its predictions.

    Threads may share one: a call waits for the one before it. A process made by ``fork`` goes on
    with those it inherits; to one made by ``spawn`` they can be sent: pickling keeps the arguments
    and what was set since, not the frames pushed so far, and the engine is opened again there. A
    copy is another Explainer in the same way.

    Parameters
    ----------
    bundle : path, optional
        A bundle's folder, or the name of one that comes with the package. Left out: the small
        motion model.
    device : str
        "cpu", "cuda" or "cuda:N". On a GPU slices, clips and tensors stay there; so do tubes, for
        code that wants them there (`Explanation.device_tube`).
    precision : str
        "auto" (the bundle's own: float32, or what it was exported in), "fp32", "fp16", "bf16" or
        "int8". A bundle of int8 or float16 runs its float32 reference in the other ones.
    method : str, optional
        One of `methods`; left out, the bundle's default.
    target : int or str
        The class to explain, its number or its label; −1 is the predicted one.
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
        options = options or MethodOptions()
        self._core: _core.Explainer | None = _core.Explainer(
            os.fspath(find_bundle(os.fspath(DEFAULT if bundle is None else bundle))),
            method=method or "",
            hop=hop,
            threshold=threshold,
            engine=engine,
            device=device,
            precision=precision,
            threads=threads,
            cache_dir=os.fspath(cache_dir or ""),
            budget_ms=budget_ms,
            method_options=options.core(),
            fallback=fallback,
        )
        self._opened = {
            "device": device, "precision": precision, "threads": threads, "engine": engine,
            "cache_dir": cache_dir, "fallback": fallback,
        }  # fmt: skip
        self._options = options
        self._budget_ms = budget_ms
        self._core_bundle = self._core.bundle
        self._bundle = from_core(self._core_bundle)
        self._method = method or self._bundle.default_method
        self._hop, self._threshold = hop, threshold
        self.target = target
        self._sample_fps = 0.0

    def explain(
        self, clip: npt.NDArray | Sequence | Any, times: npt.ArrayLike | None = None
    ) -> Explanation:
        """Explains one clip.

        Parameters
        ----------
        clip
            Either float32 [T, 3, H, W], already normalised, or T frames of any one size that are
            preprocessed here: uint8 [T, height, width, 3] in RGB, or with the colours second. A
            batch axis of 1 may stand before them. Arrays of other libraries (torch, CuPy, pycuda)
            are read where they lie, without a copy, by DLPack or ``__cuda_array_interface__``: in
            system memory or, by an explainer on that device, on a GPU. What the producer's stream
            still has to do is waited for there.
        times
            Seconds of the T slices, which must not fall; left out, one every
            ``1 / clip_spec.sample_fps``.

        Raises
        ------
        UsageError
            Shape or dtype are not those, the elements do not lie side by side, or the array is on
            another device than this explainer; the message states both.
        UnavailableError
            The array is on a GPU, and this build or machine has no way to it.
        """
        pts = None if times is None else [_nanoseconds(time) for time in slice_times(times)]
        clip = one_clip(clip, self.clip_spec)
        if _is_array(clip) and not holds_bytes(clip):
            return self._wrap(self._open.explain(clip, pts))
        frames = [_frame(frame) for frame in clip]
        return self._wrap(self._open.explain_frames(frames, pts))

    def push(
        self, frame: npt.NDArray[np.uint8] | _core.Frame | Any, pts: float
    ) -> Explanation | None:
        """Takes a frame of a stream; gives an explanation each time a window is complete.

        Parameters
        ----------
        frame
            uint8 [height, width, 3] in RGB, of NumPy or another library, also on the explainer's
            GPU; or a `_core.Frame` in any pixel format.
        pts
            Its presentation time in seconds.
        """
        core = self._open.push(_frame(frame), _nanoseconds(pts))
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
        self, source: str | os.PathLike[str], *, pad: str = "last", sampling: str = "rate"
    ) -> Iterator[Explanation]:
        """Decodes a video (a file's path or a URI) and yields an explanation a window.

        Parameters
        ----------
        pad
            What fills the window of a video that is shorter than one: "last" (its last frame),
            "loop" (it plays again) or "none".
        sampling
            "rate" takes slices as often as the bundle states. "uniform" spreads the slices of one
            window evenly over a whole file, from its first frame to its last, however long it is.

        Raises
        ------
        StreamError
            It cannot be opened or decoded, or is shorter than one window and `pad` is "none".

        Warns
        -----
        DamageWarning
            Parts of the video are missing or broken; all others are explained.
        StreamWarning
            Its timestamps had to be repaired.
        """
        from .explain_video import explain_video  # loads GStreamer

        return explain_video(self, os.fspath(source), pad, sampling)

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

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bundle(self) -> Bundle:
        return self._bundle

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self._bundle.labels

    @property
    def methods(self) -> tuple[str, ...]:
        """Explanation methods that the bundle offers."""
        return self._bundle.methods

    @property
    def clip_spec(self) -> _core.ClipSpec:
        """What the model sees: length, height, width, sample_fps, mean, std, color, resize."""
        return self._bundle.clip

    @property
    def device(self) -> str:
        """Where clips are explained: "cpu", or "cuda:N" until a fallback took over."""
        return self._open.device

    @property
    def engine_info(self) -> _core.EngineInfo:
        """Name, version, device and precision of the engine."""
        return self._open.engine_info

    @property
    def method(self) -> str:
        """The explanation method; may be set at any time, the next window uses it."""
        return self._method

    @method.setter
    def method(self, method: str) -> None:
        self._open.set_method(method)
        self._method = method

    @property
    def target(self) -> int:
        """The class to explain, −1 the predicted one; may be set at any time."""
        return self._target

    @target.setter
    def target(self, target: int | str) -> None:
        self._target = class_number(target, self.labels)
        self._open.set_target(self._target)

    @property
    def threshold(self) -> float:
        """Part of the tube's maximum that makes a box; may be set at any time."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._open.set_threshold(threshold)
        self._threshold = threshold

    @property
    def hop(self) -> int:
        """Slices from one window to the next; may be set at any time."""
        return self._hop

    @hop.setter
    def hop(self, hop: int) -> None:
        self._open.set_hop(hop)
        self._hop = hop

    @property
    def sample_fps(self) -> float:
        """Slices a second, for `push`; set it before a stream begins, 0 for the bundle's own."""
        return self._sample_fps or self.clip_spec.sample_fps

    @sample_fps.setter
    def sample_fps(self, sample_fps: float) -> None:
        self._open.sample_at(sample_fps)
        self._sample_fps = sample_fps

    @property
    def budget_ms(self) -> float:
        """Milliseconds that a window may take, 0 for no budget; may be set at any time."""
        return self._budget_ms

    @budget_ms.setter
    def budget_ms(self, milliseconds: float) -> None:
        self._open.set_budget(milliseconds)
        self._budget_ms = milliseconds

    @property
    def options(self) -> MethodOptions:
        """What some methods are told; may be set at any time."""
        return self._options

    @options.setter
    def options(self, options: MethodOptions) -> None:
        self._open.set_method_options(options.core())
        self._options = options

    @property
    def _open(self) -> _core.Explainer:
        if self._core is None:
            raise UsageError("this Explainer is closed")
        return self._core

    def _wrap(self, core: _core.Explanation) -> Explanation:
        return explanation_from_core(core, self._core_bundle, self._bundle.labels)


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) or _core.Explainer.reads_array(value)


def _frame(frame: npt.NDArray[np.uint8] | _core.Frame | Any) -> _core.Frame:
    if isinstance(frame, _core.Frame):
        return frame
    frame = detached(frame)
    return _core.Frame.from_array(frame if _is_array(frame) else np.asarray(frame))


def _nanoseconds(seconds: float) -> int:
    if not math.isfinite(seconds) or abs(seconds) > 2**62 / 1e9:
        raise UsageError(f"a presentation time must be a number of seconds, not {seconds}")
    return round(seconds * 1e9)
