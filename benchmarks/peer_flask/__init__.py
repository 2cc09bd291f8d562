"""The Flask peers: the same endpoint on the same tables."""
