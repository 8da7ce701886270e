"""The formats a model may come in: one module opens each."""
