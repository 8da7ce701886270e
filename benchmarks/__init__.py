"""Programs that measure. Run one with `python -m benchmarks.NAME` from the repository's root."""
