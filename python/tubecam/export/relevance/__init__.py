"""Relevance to the input: each method is a backward pass with rules of its own, as one graph."""

from __future__ import annotations

from .methods import FEW_PASS, INPUT_GRADIENT, METHODS

__all__ = ["FEW_PASS", "INPUT_GRADIENT", "METHODS"]
