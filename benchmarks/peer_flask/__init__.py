"""The peer: the same endpoint as a Flask developer would build it, on the same tables."""
