"""Chaos: clients work with a real installation whose processes are killed, and nothing is lost."""
