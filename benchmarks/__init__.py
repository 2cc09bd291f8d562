"""Benchmarks of Queue API and of alternatives to it. The entry point is `run.py`."""
