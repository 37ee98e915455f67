"""How the demo's bundle `engines/motion` was trained: `python -m engines.motion_recipe`."""
