"""Predictions in the formats in which items are uploaded, each read block by block."""
