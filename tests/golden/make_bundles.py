"""Writes the tiny bundles that the C++ tests load, and what NumPy says of them.

    python tests/golden/make_bundles.py

`pool` has a head of global average pool + linear (output `weight`), `full` a linear head on all
cells (output `gradient`), `nan` an activation that holds a NaN. `pool/expected.txt` and
`full/expected.txt` hold the logits of the clip below and the sum of its HiResCAM, one a line.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python" / "support"))

import tiny_bundle  # noqa: E402


def ramp() -> np.ndarray:
    """A clip [T, 3, H, W] that C++ writes in one line: ((7919 i) mod 1000) / 500 − 1."""
    shape = (tiny_bundle.LENGTH, 3, tiny_bundle.SIZE, tiny_bundle.SIZE)
    values = np.arange(np.prod(shape)) * 7919 % 1000 / 500 - 1
    return values.reshape(shape).astype(np.float32)


def main() -> None:
    for head in ("pool", "full"):
        folder = tiny_bundle.write(HERE / head, head)
        logits, _ = tiny_bundle.forward(ramp(), head)
        relevance = logits.max() - tiny_bundle.weights(head)["bias"][logits.argmax()]
        lines = [f"{value:.9g}" for value in (*logits, relevance)]
        (folder / "expected.txt").write_text("\n".join(lines) + "\n")
    tiny_bundle.write(HERE / "nan", nan_in="activation")


if __name__ == "__main__":
    main()
