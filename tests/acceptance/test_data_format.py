"""A data directory that an earlier version left answers as it did."""

import json
import shutil
from pathlib import Path

import pytest

from service.data_format import FORMAT
from tests.conftest import installation

GOLDEN = Path(__file__).parents[1] / "golden"
FORMATS = range(1, FORMAT + 1)


@pytest.fixture(params=[*FORMATS, "before there were formats"])
def left(request, tmp_path):
    """A copy of what a version left, and what it answered."""
    number = request.param if request.param in FORMATS else 1
    place, home = GOLDEN / f"data-format-{number}", tmp_path / "home"
    shutil.copytree(place / "home", home)
    (home / "redis").chmod(0o700)
    if request.param not in FORMATS:
        for path in (home / "format", *home.rglob("record.json"), *home.glob("models/*.json")):
            path.unlink()
    return home, json.loads((place / "answers.json").read_text())


def test_what_an_earlier_version_left_is_read(left):
    home, answers = left

    with installation(home, workers=1) as (client, _):
        told = {path: client.get(path).json for path in answers}
        asked = next(each for path, each in answers.items() if path.startswith("/v1/rankings/"))
        pool, model = asked["pool"], asked["source"]["model"]
        again = client.rankings(pool, model, "margin")["margin"]
        ranked = client.get(f"/v1/rankings/{again}/items?n=20").json["items"]

    assert told == answers
    assert ranked == next(
        each["items"] for path, each in answers.items() if path.endswith("/items?n=20")
    )
    assert json.loads((home / "format").read_bytes()) == {"format": FORMAT}
