"""Graphs of the class-activation family: activation with weight or gradient."""
