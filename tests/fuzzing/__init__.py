"""Bytes that no client would send, made by coverage: readers must refuse them in our own words.

`python -m tests.fuzzing csv --seconds 3600` has atheris change uploads of a format, all formats one
after the other where none is named, and keeps in `found/` what a reader did not survive; every file
there is read by `tests/unit/test_fuzzing.py` from then on. `make fuzz-formats` does it for an hour
each. Atheris is no dependency of ours: `pip install atheris`, where it has a wheel.
"""
