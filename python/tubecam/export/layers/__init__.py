"""The layers that can be explained, and which one is the default."""
