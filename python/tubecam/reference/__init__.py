"""Slow, obviously right NumPy definitions of the kernels, one module a kernel.

They are what the kernels are tested against, and the place to look up what a kernel computes.
Everything is computed in float64 and written for reading, not for speed.
"""
