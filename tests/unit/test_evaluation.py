"""The pass over the blocks: what it writes, of which rows, whatever the size of a block."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.acquisition import REGISTRY
from service.errors import InvalidOutput
from service.functions import Function
from workers import evidence
from workers.evaluation import Evaluation, evaluate
from workers.evidence import Supply
from workers.memory import let_go
from workers.numbers import fractions
from workers.population import HeldPopulation
from workers.sources import OneModel, Stack

FUNCTIONS = [Function("entropy", {"base": "e", "normalised": False}), Function("margin")]


class SomeOnly(OneModel):
    """A model of which the predictions of every third item are missing."""

    def known(self, rows):
        return rows[rows % 3 > 0]


def supply_of(source, items):
    names = HeldPopulation(tuple(map(str, range(items))), np.zeros((items, 1)), {})
    return Supply(names, source, labels=lambda: None, tick=lambda: None)


def drawn(items, classes=4):
    return np.random.default_rng(0).dirichlet(np.ones(classes), items).astype(np.float32)


@pytest.mark.parametrize("in_files", [True, False])
@pytest.mark.parametrize("items", [0, 1, 10, 1_000])
@pytest.mark.parametrize("values", [1, 40, 2**16])
def test_the_scores_are_those_of_the_whole_whatever_a_block_holds(
    tmp_path, monkeypatch, in_files, items, values
):
    monkeypatch.setattr(evidence, "CACHED_VALUES", values)
    probs = drawn(items)
    source = SomeOnly(("a", "b", "c", "d"), Stack((probs[: items // 2], probs[items // 2 :])), None)
    told = []

    evaluation = Evaluation(supply_of(source, items), tmp_path if in_files else None, items)
    evaluate(evaluation, FUNCTIONS, told.append)

    for function in FUNCTIONS:
        scores = REGISTRY[function.name].score({"probs": probs.astype(np.float64)})
        scores[::3] = np.nan
        found = evaluation.array(function)
        assert scores.tobytes() == found.tobytes()
        if in_files:
            assert scores.tobytes() == np.load(evaluation.path(function)).tobytes()
    assert [items] * bool(items) == told[-1:]


def test_a_score_that_is_none_names_its_item(tmp_path):
    probs = drawn(100)
    probs[70] = np.nan
    supply = supply_of(OneModel(("a", "b", "c", "d"), Stack((probs,)), None), 100)

    with pytest.raises(InvalidOutput, match="margin gives no finite score for the item '70'"):
        evaluate(Evaluation(supply, tmp_path, 100), [Function("margin")], lambda _: None)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(
    st.lists(st.sampled_from([-1e-6, -0.0, 0.0, 0.25, 1.0, 1.0 + 1e-6]), max_size=70),
    st.integers(1, 70),
)
def test_fractions_are_the_numbers_clipped_to_the_range_of_probabilities(dtype, values, classes):
    rows = len(values) // classes
    array = np.array(values[: rows * classes], dtype=dtype).reshape(rows, classes)

    found = fractions(array)

    expected = np.clip(array.astype(np.float64), 0.0, 1.0)
    assert np.float64 == found.dtype
    assert expected.tobytes() == found.tobytes()


def test_what_was_let_go_can_be_read_again(tmp_path):
    np.save(tmp_path / "array.npy", np.arange(1_000_000))
    array = np.load(tmp_path / "array.npy", mmap_mode="r+")
    array[5] = -1
    before = resident_of_files()

    let_go(array[10:])

    assert resident_of_files() < before
    assert [-1, 6] == array[5:7].tolist()
    let_go(np.arange(3))


def resident_of_files():
    """How many kilobytes of files this process has in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))
