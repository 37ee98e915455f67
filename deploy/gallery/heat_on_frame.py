"""Draw the heat over a frame of your own, or take it as an array of the frame's size."""

import numpy as np
from PIL import Image

import tubecam

frames = np.load("clip.npy")
with tubecam.Explainer("motion") as explainer:
    explanation = explainer.explain(frames)
heat = explanation.heatmap(slice=8)  # float32 [height, width]
print(heat.shape, heat.max())
Image.fromarray(explanation.overlay(frames[8], explanation.times[8])).save("overlay.png")
Image.fromarray(explanation.picture(frames)).save("window.png")
