"""Video in and out by GStreamer: sources, decoding, damage, containers, metadata."""
