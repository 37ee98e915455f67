"""Explain a clip: which class, where and when it was seen, and how far to trust that."""

import numpy as np

import tubecam

frames = np.load("clip.npy")  # uint8 [T, height, width, 3], T as the model takes
with tubecam.Explainer("motion") as explainer:
    explanation = explainer.explain(frames)
print(explanation)
print(explanation.peak, explanation.receipt, *explanation.marks, sep="\n")
