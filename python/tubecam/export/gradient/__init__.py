"""Derivatives as forward operators, and the vector–Jacobian product of a trace."""
