"""Where models come from: architectures, checkpoints, other packages."""
