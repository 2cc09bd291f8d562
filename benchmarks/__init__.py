"""How fast Queue API is, beside what its users would run instead. See `run.py`."""
