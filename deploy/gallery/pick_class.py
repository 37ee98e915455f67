"""Pick classes by name or number, and ask for the evidence for one rather than another."""

import numpy as np

import tubecam

with tubecam.Explainer("motion") as explainer:
    for explanation in explainer.explain(np.load("clip.npy"), target=["left", 1, "left:right"]):
        print(explanation.target, explanation.tube.max(), explanation.receipt.logit)
