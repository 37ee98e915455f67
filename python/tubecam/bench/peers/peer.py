"""What the bench asks of a peer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Unfit(Exception):
    """A peer cannot take part. The text is what its row says."""


class Peer(ABC):
    """Another way from a clip to a map.

    Attributes
    ----------
    title : str
        The method and how it is called.
    version : str
        Of the library.
    """

    title = ""
    version = ""

    @abstractmethod
    def run(self) -> object:
        """From the clip to what the peer's user gets; this is what is timed."""

    @abstractmethod
    def tube(self) -> np.ndarray:
        """Its map at the explained layer's resolution, [t, h, w] after ReLU, in any units.

        Of several pathways, as ``maps.gradcam`` gives it.
        """
