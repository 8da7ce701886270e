"""What a model gives is checked before it is kept, and the first item that is wrong is named."""

import numpy as np
import pytest

from service import ids
from service.errors import InvalidOutput
from service.files import Files, part_name
from service.items import Items
from service.records import Model, Part, Pool
from workers.prediction import check

NAMES = ["first", "second", "third"]
MODEL = Model(id="m", format="skops", bytes=1, classes=("a", "b"))


@pytest.fixture
def judged(tmp_path):
    """Check probabilities as those of three items."""
    files = Files(tmp_path / "data")
    part = Part(id="a", job="j", rows=3, bytes=0, sha256="")
    packed = ids.pack(NAMES)
    with files.staging("t") as staged:
        np.save(staged / "ids.npy", packed.blob)
        np.save(staged / "id_ends.npy", packed.ends)
        files.publish(staged, part_name("p", "a"))
    items = Items(files, Pool(id="p", parts=(part,)))

    def judge(probs):
        np.save(tmp_path / "probs.npy", np.asarray(probs))
        check(tmp_path / "probs.npy", items, part, MODEL)

    return judge


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_pass(judged, dtype):
    judged(np.array([[0.5, 0.5], [1.0, 0.0], [0.9996, 0.0]], dtype=dtype))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([np.nan, 1.0], "nan"),
        ([np.inf, 0.0], "inf"),
        ([-0.1, 1.1], "smallest -0.1"),
        ([0.5, 0.4], "sum 0.9"),
        ([2.0, -1.0], "largest 2"),
    ],
)
def test_what_are_no_probabilities_is_refused_by_the_id_of_the_first(judged, row, says):
    with pytest.raises(InvalidOutput, match=f"'second'.*{says}"):
        judged([[0.5, 0.5], row, row])


@pytest.mark.parametrize(
    "probs", [[[1.0, 0.0]], [[1.0]] * 3, [1.0] * 3, [[1, 0]] * 3, [["a", "b"]] * 3]
)
def test_what_has_another_form_is_refused(judged, probs):
    with pytest.raises(InvalidOutput):
        judged(probs)


def test_what_is_no_array_is_refused(judged, tmp_path):
    (tmp_path / "probs.npy").write_bytes(b"\x93NUMPY junk")
    with pytest.raises(InvalidOutput, match="left no array"):
        check(
            tmp_path / "probs.npy", None, Part(id="a", job="j", rows=3, bytes=0, sha256=""), MODEL
        )
