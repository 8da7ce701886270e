"""A GPU by setting: who runs a model, and what its sandbox may. None takes part in these tests."""

import numpy as np
import onnxruntime
import pytest

from service.errors import OutOfMemory
from tests.models import digits, predict
from tests.unit.test_onnx_models import converted
from workers.sandbox.client import Sandbox
from workers.sandbox.starter import ZygoteProcess
from workers.untrusted.artifacts.onnx import GPU, PROCESSOR, providers
from workers.versions import PROVIDERS, versions_of

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("gpu", "there", "chosen"),
    [
        (True, [GPU, PROCESSOR], [GPU, PROCESSOR]),
        (True, [PROCESSOR], [PROCESSOR]),
        (False, [GPU, PROCESSOR], [PROCESSOR]),
    ],
)
def test_a_gpu_comes_first_where_it_may_and_there_is_one(gpu, there, chosen, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    assert providers(gpu=gpu) == chosen


def test_without_a_gpu_the_setting_changes_nothing(tmp_path):
    model = converted("random_forest", zipmap=False)
    found = [
        predict(model, format, [digits().items[:50]], tmp_path / format)[0]
        for format in ("onnx", "onnx_gpu")
        if (tmp_path / format).mkdir() is None
    ]
    np.testing.assert_array_equal(*found)


def test_what_ran_a_model_stands_among_the_versions():
    assert set(PROVIDERS) == {GPU, PROCESSOR}
    assert versions_of("onnx", GPU) == {**versions_of("onnx"), "provider": GPU}


@pytest.fixture(scope="module")
def sandbox():
    with ZygoteProcess("tests.sandbox_entries") as zygote:
        yield Sandbox(zygote.address, memory=256 * MEBIBYTE, file_bytes=MEBIBYTE)


def run(sandbox, scratch, entry, gpu, **arguments):
    """Run an entry that may, or may not, use a GPU."""
    return sandbox.run(entry, arguments=arguments, inputs={}, scratch=scratch, deadline=30, gpu=gpu)


def test_addresses_are_free_to_who_uses_a_gpu_and_memory_is_not(sandbox, tmp_path):
    places = [tmp_path / name for name in ("reserved", "refused", "eaten")]
    for each in places:
        each.mkdir()
    assert run(sandbox, places[0], "reserve", gpu=True, bytes=2**40) == {"reserved": 2**40}
    with pytest.raises(OutOfMemory):
        run(sandbox, places[1], "reserve", gpu=False, bytes=2**40)
    with pytest.raises(OutOfMemory, match=str(256 * MEBIBYTE)):
        run(sandbox, places[2], "eat_memory", gpu=True)
