"""The formats in which items are uploaded, each read block by block and written as one part."""
