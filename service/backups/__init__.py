"""Backups of a running service, and what can be made again of files alone."""
