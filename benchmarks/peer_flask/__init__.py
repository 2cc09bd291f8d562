"""The Flask peer: the same endpoint on the same tables."""
