"""Heat, captions and colours on pictures, drawn by the kernels of a pipeline."""
