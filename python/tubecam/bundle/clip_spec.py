"""What a model expects of its clips, validated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import _core
from ..errors import UsageError
from ..text.counting import either

RESIZE_RULES = tuple(_core.resize_rules())
COLORS = tuple(_core.color_orders())
LIMITS = _core.clip_limits()  # csrc/bundle/clip_spec.h
_DEFAULT = _core.ClipSpec()


@dataclass(frozen=True)
class FlowSpec:
    """The optical flow that a model takes besides the clip (csrc/clip/optical_flow/clip_flow.h).

    Attributes
    ----------
    bound : float
        Pixels of the model's input a slice: what is farther is clamped, 0.1…1024.
    scale : float
        What a pixel a slice becomes, 0.0001…10000.
    """

    bound: float = 20.0
    scale: float = 0.05

    def __post_init__(self) -> None:
        for name in ("bound", "scale"):
            _within(f"flow {name}", getattr(self, name), LIMITS[f"flow_{name}"])


@dataclass(frozen=True)
class ClipSpec:
    """A clip as the model was trained on.

    Attributes
    ----------
    length : int
        Slices (frames) in a clip, 1…256.
    height, width : int
        Of a slice, pixels, 8…1024.
    sample_fps : float
        Slices a second, 0.001…240.
    mean, std : three floats
        Of values in 0…1, in the order of `color`.
    color : str
        ``RGB`` or ``BGR``.
    resize : str
        ``crop``, ``stretch`` or ``pad``; see engines/README.md.
    short_side : int or None
        With ``crop``: what the frame's shorter side becomes. None: the larger of height, width, the
        least for which the crop lies within every frame.
    flow : FlowSpec, mapping or None
        What optical flow the model takes besides. It then has 5 channels: the last two are the flow
        to the next slice, x and y, and 0 for the last slice. Needs 2 slices of 16x16 at least.
    """

    length: int = _DEFAULT.length
    height: int = _DEFAULT.height
    width: int = _DEFAULT.width
    sample_fps: float = _DEFAULT.sample_fps
    mean: tuple[float, float, float] = _DEFAULT.mean
    std: tuple[float, float, float] = _DEFAULT.std
    color: str = _DEFAULT.color
    resize: str = _DEFAULT.resize
    short_side: int | None = None
    flow: FlowSpec | None = None

    def __post_init__(self) -> None:
        _whole("length", self.length, LIMITS["length"])
        _whole("height", self.height, LIMITS["side"])
        _whole("width", self.width, LIMITS["side"])
        _within("sample_fps", self.sample_fps, LIMITS["sample_fps"])
        for name in ("mean", "std"):
            values = _triple(name, getattr(self, name))
            object.__setattr__(self, name, values)
            for value in values:
                _within(name, value, LIMITS[name])
        if self.color not in COLORS:
            raise UsageError(f"clip color is {self.color!r}; it is {either(COLORS)}.")
        if self.resize not in RESIZE_RULES:
            raise UsageError(f"clip resize is {self.resize!r}; it is {either(RESIZE_RULES)}.")
        self._check_short_side()
        if isinstance(self.flow, Mapping):
            object.__setattr__(self, "flow", FlowSpec(**self.flow))
        if self.flow is not None:
            longest, largest = LIMITS["length"][1], LIMITS["side"][1]
            sides = LIMITS["flow_side"], largest
            _whole("length (with optical flow)", self.length, (LIMITS["flow_length"], longest))
            _whole("height (with optical flow)", self.height, sides)
            _whole("width (with optical flow)", self.width, sides)

    def _check_short_side(self) -> None:
        if self.short_side is None:
            return
        if self.resize != "crop":
            raise UsageError("clip short_side has a meaning with resize crop only.")
        _whole("short_side", self.short_side, (LIMITS["side"][0], LIMITS["short_side"]))
        if self.short_side < max(self.height, self.width):  # a portrait frame has no more
            raise UsageError(
                f"clip short_side {self.short_side} is less than the "
                f"{self.height}x{self.width} crop."
            )

    @property
    def input_shape(self) -> tuple[int, int, int, int, int]:
        """[1, T, 3, H, W]; 5 channels with optical flow."""
        return 1, self.length, 3 if self.flow is None else 5, self.height, self.width

    def sidecar(self) -> dict[str, Any]:
        """The ``clip`` entry of bundle.json."""
        entry = asdict(self)
        entry.pop("short_side")
        if self.flow is None:
            entry.pop("flow")
        resize: dict[str, Any] = {"rule": self.resize}
        if self.resize == "crop":
            resize["short_side"] = self.short_side or max(self.height, self.width)
        return {**entry, "mean": list(self.mean), "std": list(self.std), "resize": resize}

    def source_rect(self, frame_width: int, frame_height: int) -> tuple[float, float, float, float]:
        """The part of a frame that the model sees: x, y, width, height in its pixels.

        Parameters
        ----------
        frame_width, frame_height
            Of the frame, pixels.
        """
        return self.core().source_rect(frame_width, frame_height)

    def core(self) -> _core.ClipSpec:
        """The same for the compiled core."""
        entry = self.sidecar()
        resize, flow = entry.pop("resize"), entry.pop("flow", None)
        if flow is not None:
            entry["flow"] = (flow["bound"], flow["scale"])
        return _core.ClipSpec(resize=resize["rule"], short_side=resize.get("short_side"), **entry)


def from_core(core: _core.ClipSpec) -> ClipSpec:
    """The same with Python's types."""
    return ClipSpec(
        core.length, core.height, core.width, core.sample_fps, tuple(core.mean), tuple(core.std),
        core.color, core.resize, core.short_side if core.resize == "crop" else None,
        None if core.flow is None else FlowSpec(*core.flow),
    )  # fmt: skip


def _whole(name: str, value: Any, limits: tuple[float, float]) -> None:
    least, most = limits
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(
            f"clip {name} is {value!r}; it is a whole number from {least:g} to {most:g}."
        )


def _within(name: str, value: Any, limits: tuple[float, float]) -> None:
    least, most = limits
    if not least <= _number(name, value) <= most:
        raise UsageError(f"clip {name} is {value:g}; it lies in {least:g}…{most:g}.")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(f"clip {name} is {value!r}; it is a finite number.")
    return float(value)


def _triple(name: str, values: Any) -> tuple[float, float, float]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__") or len(values) != 3:
        raise UsageError(f"clip {name} is {values!r}; it is three numbers.")
    first, second, third = (_number(name, v) for v in values)
    return first, second, third
