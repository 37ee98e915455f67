"""Compare methods on one clip: how far their maps agree, and what they sum to."""

import numpy as np

import tubecam

frames = np.load("clip.npy")
with tubecam.Explainer("motion") as explainer:
    found = {
        name: explainer.explain(frames, method=name) for name in ("gradcam", "hirescam", "layercam")
    }
for name, explanation in found.items():
    agreement = np.corrcoef(explanation.tube.ravel(), found["gradcam"].tube.ravel())[0, 1]
    print(name, f"{agreement:.2f}", explanation.receipt.relevance_sum)
