"""The walls: what may know what, and that names which travel lead somewhere."""

import ast
import dataclasses
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service import queue
from service.errors import ServiceError
from service.operations.pools import MEDIA_TYPES
from service.problems import every_error, from_problem
from service.settings import Settings
from workers.untrusted.uploads import FORMATS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("service/**/*.py"), *ROOT.glob("workers/**/*.py")])
HEAVY = {
    "sklearn",
    "joblib",
    "skops",
    "onnxruntime",
    "pyarrow",
    "scipy",
    "matplotlib",
    "workers",
}


def test_every_name_that_travels_on_the_queue_exists():
    for name in [*queue.TASKS.values(), queue.ASSIST, queue.RECORD_FAILURE]:
        module, function = name.rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), function))


def loaded_by(statement):
    script = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_the_api_loads_nothing_that_opens_a_clients_bytes():
    assert not HEAVY & loaded_by("import service.app")


def test_the_api_loads_what_describes_it_only_when_it_is_asked():
    assert not {"apispec", "flask_smorest"} & loaded_by("import service.app")


def test_the_maths_loads_numpy_and_nothing_else():
    loaded = loaded_by("import service.acquisition")

    assert "numpy" in loaded
    assert not {"flask", "marshmallow", "redis", "rq"} & loaded


def test_the_sandbox_loads_no_redis():
    assert not {"redis", "rq", "flask"} & loaded_by("import workers.untrusted.entries")


def test_the_imports_run_one_way():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_keep_to_their_budgets(path):
    text = path.read_text()
    tree = ast.parse(text)

    assert text.count("\n") <= 300
    assert path.name == "__init__.py" or ast.get_docstring(tree), "a file says what lives in it"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            told = (ast.get_docstring(node, clean=False) or "").count("\n")
            assert node.end_lineno - node.lineno - told < 40, node.name
        if isinstance(node, ast.ExceptHandler):
            names = ast.unparse(node.type) if node.type else "everything"
            broad = {"everything", "Exception", "BaseException"} & set(re.findall(r"\w+", names))
            passed_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            inside = "workers/untrusted" in str(path) or "sandbox" in str(path)
            assert not broad or passed_on or inside, names


def test_every_error_has_a_code_and_a_title_of_its_own_and_comes_back_from_its_problem():
    kinds = every_error()

    assert len(kinds) == len({kind.__doc__ for kind in kinds.values()})
    for code, kind in kinds.items():
        back = from_problem(kind("what is wrong").problem())
        assert type(back) is kind
        assert (code, "what is wrong") == (back.code, back.detail)
        assert 400 <= kind.status < 600
    assert type(from_problem({"code": "unheard of"})) is ServiceError


def test_every_setting_is_used():
    texts = [path.read_text() for path in SOURCES if path.name != "settings.py"]

    for field in dataclasses.fields(Settings):
        assert any(re.search(rf"\b{field.name}\b", text) for text in texts), field.name


def test_what_a_pool_takes_is_what_there_are_readers_for():
    assert set(MEDIA_TYPES) == set(FORMATS)
