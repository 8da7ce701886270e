"""What fuzzing found stays found: each body is read, or refused in our own words."""

import pytest

from tests.fuzzing.reading import FOUND, SAMPLES, attempt
from tests.uploads import UPLOADS

BODIES = sorted(path for path in FOUND.rglob("*") if path.is_file() and path.suffix != ".md")


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.name[:16]}")
def test_a_body_that_was_found_is_survived(path):
    attempt(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", UPLOADS)
def test_a_byte_that_is_changed_anywhere_is_survived(name):
    _, body = UPLOADS[name](*SAMPLES[0])
    step = max(1, len(body) // 200)
    for place in range(0, len(body), step):
        for byte in (0, 0x7F, 0xFF):
            attempt(name, body[:place] + bytes([byte]) + body[place + 1 :])
    for length in range(0, len(body), step):
        attempt(name, body[:length])
