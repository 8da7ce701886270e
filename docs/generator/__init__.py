"""What writes the pages and pictures beside it that the code itself can tell: `make docs`."""
