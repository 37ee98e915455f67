"""A model as one flat graph of ATen operators, made canonical and simpler."""
