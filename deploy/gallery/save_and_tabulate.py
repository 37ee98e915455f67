"""Keep explanations as files, and as tables of pandas where that is installed."""

import numpy as np

import tubecam

with tubecam.Explainer("motion") as explainer:
    explainer.explain(np.load("clip.npy")).save("window.npz")
explanation = tubecam.load_explanation("window.npz")
try:
    print(explanation.to_pandas(), explanation.to_pandas("boxes"), sep="\n")
except tubecam.UnavailableError as error:
    print(error)
