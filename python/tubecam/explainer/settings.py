"""What an Explainer is set to, and what it tells of itself."""

from __future__ import annotations

from .. import _core
from .._core import EngineInfo
from ..bundle.bundle import Bundle
from ..bundle.clip_spec import ClipSpec
from ..bundle.targets import parse_target
from ..errors import UsageError
from .arguments import check_types
from .options import MethodOptions, core_options


class Settings:
    """The properties of an `Explainer`; those that can be set hold for the next window."""

    _core: _core.Explainer | None
    _bundle: Bundle
    _method: str
    _target: int | str
    _threshold: float
    _hop: int
    _sample_fps: float
    _budget_ms: float
    _options: MethodOptions

    @property
    def bundle(self) -> Bundle:
        """What is run."""
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
    def clip_spec(self) -> ClipSpec:
        """What the model sees: length, height, width, sample_fps, mean, std, color, resize."""
        return self._bundle.clip

    @property
    def device(self) -> str:
        """Where clips are explained: "cpu", or "cuda:N" until a fallback took over."""
        return self._open.device

    @property
    def engine_info(self) -> EngineInfo:
        """Name, version, device and precision of the engine."""
        return self._open.engine_info

    @property
    def method(self) -> str:
        """The explanation method; may be set at any time, the next window uses it."""
        return self._method

    @method.setter
    def method(self, method: str) -> None:
        check_types(method=method)
        self._open.set_method(method)
        self._method = method

    @property
    def target(self) -> int | str:
        """The class to explain, as it was set; −1 the predicted one; may be set at any time."""
        return self._target

    @target.setter
    def target(self, target: int | str) -> None:
        parsed = parse_target(target, self.labels)
        self._open.set_target(*(parsed if isinstance(parsed, tuple) else (parsed,)))
        self._target = target

    @property
    def threshold(self) -> float:
        """Part of the tube's maximum that makes a box; may be set at any time."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        check_types(threshold=threshold)
        self._open.set_threshold(threshold)
        self._threshold = threshold

    @property
    def hop(self) -> int:
        """Slices from one window to the next; may be set at any time."""
        return self._hop

    @hop.setter
    def hop(self, hop: int) -> None:
        check_types(hop=hop)
        self._open.set_hop(hop)
        self._hop = hop

    @property
    def sample_fps(self) -> float:
        """Slices a second, for `push`; set it before a stream begins, 0 for the bundle's own."""
        return self._sample_fps or self.clip_spec.sample_fps

    @sample_fps.setter
    def sample_fps(self, sample_fps: float) -> None:
        check_types(sample_fps=sample_fps)
        self._open.sample_at(sample_fps)
        self._sample_fps = sample_fps

    @property
    def budget_ms(self) -> float:
        """Milliseconds that a window may take, 0 for no budget; may be set at any time."""
        return self._budget_ms

    @budget_ms.setter
    def budget_ms(self, milliseconds: float) -> None:
        check_types(budget_ms=milliseconds)
        self._open.set_budget(milliseconds)
        self._budget_ms = milliseconds

    @property
    def options(self) -> MethodOptions:
        """What some methods are told; may be set at any time."""
        return self._options

    @options.setter
    def options(self, options: MethodOptions) -> None:
        self._open.set_method_options(core_options(options))
        self._options = options

    @property
    def _open(self) -> _core.Explainer:
        if self._core is None:
            raise UsageError("this Explainer is closed")
        return self._core
