"""Waitress, its connections, and the errors that it answers itself."""
