"""Waitress with time limits for clients, JSON errors and a graceful shutdown."""
