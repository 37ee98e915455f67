"""The demo's world: scenes rendered with NumPy, of which everything is known."""
