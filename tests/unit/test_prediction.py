"""What a model gives is checked before it is kept, and the first item that is wrong is named."""

import numpy as np
import pytest

from service import ids
from service.errors import InvalidOutput
from service.files import Files, part_name
from service.items import Items
from service.records import Model, Part, Pool
from workers.prediction import CHECKED_VALUES, MEMBERS, PROBS, check

NAMES = ["first", "second", "third"]
MODEL = Model(id="m", format="skops", bytes=1, classes=("a", "b"), members=3)
CERTAIN = [1.0, 0.0]


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

    def judge(probs, kind=PROBS):
        np.save(tmp_path / "probs.npy", np.asarray(probs))
        check(tmp_path / "probs.npy", items, part, MODEL, kind)

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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_of_members_pass(judged, dtype):
    judged(np.tile(np.array([0.5, 0.5], dtype=dtype), (3, 3, 1)), MEMBERS)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([np.nan, 1.0], "nan"),
        ([np.inf, -np.inf], "largest inf"),
        ([-0.1, 1.1], "smallest -0.1"),
        ([0.5, 0.4], "sum 0.9"),
    ],
)
def test_the_first_member_that_gives_none_is_named_with_the_item(judged, row, says):
    probs = [[CERTAIN] * 3, [CERTAIN, CERTAIN, row], [row] * 3]
    with pytest.raises(InvalidOutput, match=f"What member 2 .* the item 'second'.*{says}"):
        judged(probs, MEMBERS)


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 2), (2, 3, 2), (3, 3, 3), (3, 3, 2, 1)])
def test_members_in_another_form_are_refused(judged, shape):
    with pytest.raises(InvalidOutput, match="was expected"):
        judged(np.full(shape, 0.5), MEMBERS)


def test_an_item_far_down_a_large_part_is_named(tmp_path):
    rows, classes = 5_000, 4_000
    assert rows * classes > CHECKED_VALUES
    files = Files(tmp_path / "data")
    part = Part(id="a", job="j", rows=rows, bytes=0, sha256="")
    packed = ids.pack([f"item {row}" for row in range(rows)])
    with files.staging("t") as staged:
        np.save(staged / "ids.npy", packed.blob)
        np.save(staged / "id_ends.npy", packed.ends)
        files.publish(staged, part_name("p", "a"))
    probs = np.zeros((rows, classes), np.float32)
    probs[:, 0] = 1
    probs[4_321, 7] = 1
    np.save(tmp_path / "probs.npy", probs)
    model = Model(id="m", format="skops", bytes=1, classes=tuple(range(classes)))
    with pytest.raises(InvalidOutput, match=r"'item 4321'.*sum 2"):
        check(tmp_path / "probs.npy", Items(files, Pool(id="p", parts=(part,))), part, model)


def test_what_is_no_array_is_refused(judged, tmp_path):
    (tmp_path / "probs.npy").write_bytes(b"\x93NUMPY junk")
    with pytest.raises(InvalidOutput, match="left no array"):
        check(
            tmp_path / "probs.npy", None, Part(id="a", job="j", rows=3, bytes=0, sha256=""), MODEL
        )
