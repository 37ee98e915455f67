"""What is known of a named architecture beside its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from ...spec import ClipSpec

KINETICS_CLASSES = 400


@dataclass(frozen=True)
class Architecture:
    """A network that can be exported by name.

    Attributes
    ----------
    name : str
    make : callable
        Number of classes → module; takes [N, 3, T, H, W] float32, gives logits [N, classes].
    clip : ClipSpec
        What its published weights expect.
    parameters : int
        At `classes` classes.
    gmac : float
        10⁹ multiply–adds of one clip of that size.
    paper : str
    checkpoints : str
        Whose published weights load by name.
    head : str
        The parameter whose first dimension is the number of classes.
    classes : int
    layer : str, tuple of str or None
        What is explained unless another layer is named: several pathways as ``NAME=PATH``; None:
        the last volume before pooling.
    excludes : tuple of str
        Methods that mean nothing for this network: ``cam`` where the head is more than average
        pool + linear, ``guided-backprop`` and ``deconvolution`` where there is no ReLU.
    renames : mapping
        Modules by the other names that published weights have for them.
    """

    name: str
    make: Callable[[int], nn.Module]
    clip: ClipSpec
    parameters: int
    gmac: float
    paper: str
    checkpoints: str
    head: str = "fc.weight"
    classes: int = KINETICS_CLASSES
    layer: str | tuple[str, ...] | None = None
    excludes: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)
