"""Explain a video file, a URI or a camera ("camera:0"), window after window."""

import tubecam

with tubecam.Explainer("motion") as explainer:
    for explanation in explainer.explain_video("clip.mp4"):
        print(f"{explanation.label} {explanation.score:.0%}", explanation.peak)
