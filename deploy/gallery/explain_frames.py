"""Explain frames that come from your own code, each with its time in seconds."""

import numpy as np

import tubecam


def camera():
    for number, frame in enumerate(np.load("clip.npy")):
        yield frame, number / 15


with tubecam.Explainer("motion", hop=2) as explainer:
    for explanation in explainer.explain_video(camera()):
        print(explanation)
