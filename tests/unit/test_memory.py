"""Fits within a limit of memory: they fail by themselves, and the process goes on."""

import subprocess
import sys

import numpy as np
import pytest

from service.errors import OutOfMemory
from workers.memory import limited_memory

NEEDY = """
import numpy as np
from service.errors import OutOfMemory
from service.estimators import Recipe
from workers.fitting import fit
from workers.memory import limited_memory

draw = np.random.default_rng(0)
codes = draw.integers(0, 2, {labels})
vectors = draw.normal(size=({labels}, {width})).astype(np.float32)
try:
    with limited_memory({room}):
        fit(Recipe(estimator="{estimator}", parameters={parameters}), vectors, codes, 0)
except OutOfMemory:
    print("out of memory")
"""


@pytest.mark.parametrize(
    ("estimator", "parameters", "labels", "width", "room"),
    [
        ("svm", {}, 8_000, 4, 2**26),
        ("linear_svm", {"max_iter": 1}, 4_000, 1_000, 2**26),
        ("logistic_regression", {"solver": "liblinear"}, 4_000, 1_000, 2**26),
    ],
)
def test_a_library_that_does_not_look_whether_it_got_memory_does_not_end_the_process(
    estimator, parameters, labels, width, room
):
    code = NEEDY.format(
        estimator=estimator, parameters=parameters, labels=labels, width=width, room=room
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "out of memory\n"), ended.stderr


def test_memory_is_limited_only_inside():
    with pytest.raises(OutOfMemory), limited_memory(2**24):
        np.ones(2**26)
    assert len(np.ones(2**24)) == 2**24
    with limited_memory(2**28):
        assert len(np.ones(2**24)) == 2**24
