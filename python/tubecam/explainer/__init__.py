"""From frames, clips and videos to explanations: the Python face of csrc/explain."""
