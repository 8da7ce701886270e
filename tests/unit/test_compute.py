"""Where work is done: here, in processes beside, on a cluster of two real workers."""

import signal
import subprocess
import sys

import pytest

from service.errors import Cancelled, ComputeFailed, FitFailed, OutOfMemory
from service.estimators import Recipe
from service.settings import Settings
from tests.clusters import cluster, free_port, start_worker
from tests.conftest import until
from tests.errands import crash, fail, last, shout
from tests.models import digits
from tests.processes import status_fields
from workers import cluster as clusters
from workers import versions
from workers.compute import HERE, open_compute
from workers.fitting import Task, accuracies, fitted_by, splits_of

BESIDE = Settings(fit_processes=2)
BASE = Recipe(estimator="mlp", parameters={"max_iter": 3, "hidden_layer_sizes": [20]})
RECIPES = (
    Recipe(estimator="random_forest", parameters={"n_estimators": 4}, scaling="standard"),
    Recipe(estimator="linear_svm", parameters={"max_iter": 5}),
    Recipe(estimator="bagging", parameters={"n_estimators": 2}, base=BASE),
)


@pytest.fixture(scope="module")
def dask():
    """The settings of a cluster of two workers."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install shortlist[dask]")
    with cluster() as (address, _):
        yield Settings(compute=address)


@pytest.fixture(params=["here", "beside", "cluster"])
def settings(request):
    """Every place there is."""
    if request.param == "cluster":
        return request.getfixturevalue("dask")
    return {"here": Settings(), "beside": BESIDE}[request.param]


def told(task, compute):
    """A fit and its folds as values: what it says, what it warned of, and how well it does."""
    made = fitted_by(compute, task)
    said = made.classifier.predict_proba(digits().items).tobytes()
    return said, made.warnings, list(accuracies(task, splits_of(task, 3), compute))


@pytest.fixture(scope="module")
def tasks():
    data = digits()
    return [Task(each, data.items[:100], data.labels[:100] % 3, 3) for each in RECIPES]


@pytest.fixture(scope="module")
def expected(tasks):
    return [told(each, HERE) for each in tasks]


def test_the_same_is_fitted_and_warned_of_wherever_it_is_done(settings, tasks, expected, tmp_path):
    with open_compute(settings, tmp_path) as compute:
        assert [told(each, compute) for each in tasks] == expected
    assert not list(tmp_path.iterdir())


def test_what_comes_of_each_is_yielded_in_order_or_as_it_ends(settings, tmp_path):
    with open_compute(settings, tmp_path) as compute:
        assert list(compute.each(shout, {"word": "a"}, [3, 1, 2])) == ["aaa", "a", "aa"]
        found = compute.each(shout, {"word": "a"}, iter([3, 1, 2]), ordered=False)
        assert sorted(found) == ["a", "aa", "aaa"]
        with pytest.raises(FitFailed, match="too few 7"):
            list(compute.each(fail, {"word": "too few"}, [7]))


def test_a_process_that_is_killed_is_told_as_such():
    with open_compute(BESIDE) as compute, pytest.raises(OutOfMemory, match="fit_processes"):
        list(compute.each(crash, {}, [1, 2]))


def test_no_process_beside_outlives_the_one_that_began_it(tmp_path):
    program = (
        "from pathlib import Path\n"
        "from service.settings import Settings\n"
        "from tests.errands import sleep\n"
        "from workers.compute import open_compute\n"
        "with open_compute(Settings(fit_processes=2)) as compute:\n"
        f"    list(compute.each(sleep, {{'place': Path({str(tmp_path)!r})}}, [1, 2]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    beside = until(lambda: found if len(found := list(tmp_path.iterdir())) == 2 else None)
    assert all(status_fields(each.name) for each in beside)

    process.send_signal(signal.SIGKILL)
    process.wait()

    until(lambda: not any(status_fields(each.name) for each in beside))


def test_work_on_a_cluster_stops_soon_after_nobody_wants_it(dask, tmp_path):
    def look():
        if (tmp_path / "begun").exists():
            raise Cancelled("The job was cancelled")

    with pytest.raises(Cancelled), open_compute(dask, look=look) as compute:
        list(compute.each(last, {"place": tmp_path}, [1]))

    until((tmp_path / "ended").exists)


def test_a_cluster_with_other_versions_is_refused(dask, monkeypatch):
    monkeypatch.setattr(versions, "version_of", lambda _: "0.0")
    wrong = rf"{dask.compute} \(SHORTLIST_COMPUTE\) has a worker with shortlist .* and not 0\.0"
    with pytest.raises(ComputeFailed, match=wrong), open_compute(dask):
        pass


def open_at(address):
    """Connect to a cluster, and leave it."""
    with open_compute(Settings(compute=address)):
        pass


def test_a_cluster_that_cannot_be_reached_is_told_by_setting_and_address(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(clusters, "SECONDS_TO_CONNECT", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(ComputeFailed, match=rf"{address} \(SHORTLIST_COMPUTE\) cannot be reached"):
        open_at(address)


def test_a_cluster_that_goes_away_fails_the_work_and_so_does_one_without_workers(
    tmp_path, monkeypatch
):
    pytest.importorskip("distributed")
    monkeypatch.setattr(clusters, "SECONDS_TO_CONNECT", 3)
    monkeypatch.setattr(clusters, "SECONDS_WITHOUT_WORKERS", 0.5)
    with cluster(workers=1, threads=2) as (address, (scheduler, worker)):

        def work(victim):
            def look():
                if (tmp_path / "begun").exists():
                    victim.kill()

            with open_compute(Settings(compute=address), look=look) as compute:
                list(compute.each(last, {"place": tmp_path}, [1]))

        with pytest.raises(ComputeFailed, match="lost what it"):
            work(worker)
        (tmp_path / "begun").unlink()
        with pytest.raises(ComputeFailed, match="fewer than 2 threads for 3 seconds"):
            open_at(address)
        started = start_worker(address, threads=2)
        with pytest.raises(ComputeFailed, match="has gone away in the middle of the work"):
            work(scheduler)
        started.kill()
        started.wait()
