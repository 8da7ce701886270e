"""Parts of items without features, in every format that carries ids."""

import numpy as np
import pytest

from service.errors import InvalidOutput, UploadRefused
from tests.uploads import UPLOADS, WITH_IDS, read
from workers.ingestion import summary_of

IDS = ["plain", "007", " spaces ", "a,b", 'quo"te', "line\nbreak", "\U0001f98a", "e\u0301", "é"]


@pytest.mark.parametrize("name", WITH_IDS)
@pytest.mark.parametrize("metadata", [{}, {"site": IDS}])
@pytest.mark.parametrize("dtype", [None, "uint8"])
def test_items_may_have_no_features(name, metadata, dtype):
    part = read(*UPLOADS[name](IDS, None, metadata), options={"dtype": dtype})

    assert (part.ids, part.metadata) == (IDS, metadata)
    assert part.result["rows"] == len(IDS)
    assert (part.result["item_shape"], part.result["dtype"]) == ([0], "float32")
    assert (part.features.shape, part.features.dtype) == ((len(IDS), 0), np.float32)
    assert part.result["features"] == "features.npy"
    assert part.progress[-1] == {"done": len(IDS)}


@pytest.mark.parametrize("shape", [[3, 0], [0, 0], None])
def test_a_reader_that_tells_of_items_of_an_impossible_shape_is_not_believed(shape):
    said = {"rows": 2, "dtype": "float32", "numbered": False, "features": "f", "metadata": []}

    assert summary_of({**said, "item_shape": [0]}).item_shape == (0,)
    with pytest.raises(InvalidOutput):
        summary_of({**said, "item_shape": shape})


@pytest.mark.parametrize("name", WITH_IDS)
def test_items_without_features_are_read_in_many_blocks(name):
    ids = [f"i{row}" for row in range(40_000)]
    metadata = {"age": [row / 2 for row in range(40_000)]}

    part = read(*UPLOADS[name](ids, None, metadata))

    assert (part.ids, part.metadata) == (ids, metadata)
    assert part.features.shape == (40_000, 0)


@pytest.mark.parametrize("name", WITH_IDS)
def test_a_part_without_features_may_have_no_rows(name):
    part = read(*UPLOADS[name]([], None, {}))

    assert (part.result["rows"], part.ids) == (0, [])
    assert part.result["item_shape"] == (None if name in {"json", "ndjson"} else [0])


@pytest.mark.parametrize("name", WITH_IDS)
def test_more_items_without_features_than_allowed_are_refused(name):
    with pytest.raises(UploadRefused, match="max_pool_items"):
        read(*UPLOADS[name](IDS, None, {}), limits={"max_items": 8})
