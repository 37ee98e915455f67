"""How far explanations can be trusted: figures that compare one with another."""
