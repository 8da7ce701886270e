"""Active learning replayed on labelled items, and what came of it."""
