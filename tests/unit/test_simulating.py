"""A simulation's runs, shared by workers that take them one by one; here they are threads."""

import json
from contextlib import nullcontext
from dataclasses import replace
from threading import Event, Thread

import numpy as np
import pytest

from service.errors import Cancelled, ComputeFailed, FitFailed, OutOfMemory, SubjectGone
from service.estimators import Recipe
from service.files import simulation_name, work_name
from service.files.manifest import MANIFEST
from service.functions import Function
from service.operations import jobs, pools, recovery, simulations
from service.records import CANCELLED, QUEUED, SUCCEEDED, Job, Simulation
from service.simulation import Initial, Plan
from service.workspaces import key_of
from tests.clusters import cluster
from tests.conftest import until
from tests.stored import label, stored_pool
from workers import cluster as clusters
from workers import simulating
from workers.simulation import share as sharing
from workers.simulation.share import Share
from workers.simulation.snapshot import Snapshot
from workers.workbench import Workbench

SEEDS, ROUNDS = 3, 2
FITS = ROUNDS + 1
RUNS = 2 * SEEDS


@pytest.fixture
def pool(backend):
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, 60)
    features = (draw.normal(size=(60, 2)) + 2 * truth[:, None]).astype(np.float32)
    labels = {row: ["no", "yes"][code] for row, code in enumerate(truth.tolist()) if row % 6}
    return stored_pool(backend, features, labels)


@pytest.fixture
def plan(pool):
    return Plan(
        pool=pool.id,
        recipes=(Recipe(estimator="logistic_regression", parameters={}),),
        functions=(Function("margin"), Function("random", {"seed": 0})),
        seeds=tuple(range(SEEDS)),
        initial=Initial(size=4),
        budget=3,
        rounds=ROUNDS,
    )


@pytest.fixture
def bench(backend, monkeypatch):
    """A workbench without a sandbox. Threads are one process, which has one limit of memory."""
    for each in (sharing, simulating):
        monkeypatch.setattr(each, "limited_memory", lambda *_: nullcontext())
    return Workbench(backend, None)


@pytest.fixture
def job(backend, plan):
    """A simulation that this worker has claimed."""
    submitted = simulations.submit(backend, plan)
    return jobs.claim(backend, submitted.id, submitted.ticket)


def share_of(backend, job, ticket):
    plan = simulations.plan_of(job.request)
    return Share(backend, job, plan, ticket, lambda: jobs.check(backend, job))


def test_a_simulation_leaves_its_rounds_its_curves_and_a_summary(bench, backend, job, plan):
    result = simulating.simulate(bench, job)

    assert (result["simulation"], result["runs"]) == (job.id, RUNS)
    found = backend.storage.get(Simulation, job.id)
    assert found.summary["items"] == {"total": 60, "labelled": 50, "left_out": 10}
    assert found.summary["advice"] == result["advice"]
    assert simulations.plan_of(found.request) == plan
    assert "scikit-learn" in found.versions
    files = {each.name for each in backend.files.path(simulation_name(job.id)).iterdir()}
    assert files == {*simulations.ROUNDS.values(), *simulations.CURVES.values(), MANIFEST}
    assert backend.storage.progress(job.id) == (RUNS * FITS, RUNS * FITS)
    rounds, following = simulations.rounds(backend, job.id, 0, 100)
    assert (len(rounds), following) == (RUNS * FITS, None)

    jobs.succeed(backend, job, result)
    assert not backend.files.exists(work_name(job.id))


def test_every_run_is_done_once_by_however_many_hands(bench, backend, job, monkeypatch):
    played = []
    real = sharing.replay

    def counted(plan, run, data, tick):
        played.append(run.number)
        return real(plan, run, data, tick)

    monkeypatch.setattr(sharing, "replay", counted)
    Snapshot(backend, job, simulations.plan_of(job.request)).take()
    hands = [Thread(target=simulating.assist, args=(bench, job.id, f"h{n}")) for n in range(3)]
    for each in hands:
        each.start()
    simulating.simulate(bench, job)
    for each in hands:
        each.join()

    assert sorted(played) == list(range(RUNS))


def test_who_did_a_run_makes_no_difference(bench, backend, plan):
    texts = []
    for hands in (0, 4):
        submitted = simulations.submit(backend, plan)
        job = jobs.claim(backend, submitted.id, submitted.ticket)
        Snapshot(backend, job, plan).take()
        for number in range(hands):
            simulating.assist(bench, job.id, f"h{number}")
        simulating.simulate(bench, job)
        path = backend.files.path(simulation_name(job.id))
        files = (each for each in path.iterdir() if each.name != MANIFEST)  # it tells the job's id
        texts.append({each.name: each.read_bytes() for each in files})

    assert texts[0] == texts[1]


def test_a_simulation_calls_as_many_hands_as_there_are_other_workers(bench, backend, job):
    class Crowd:
        """A queue with five workers."""

        def __init__(self):
            self.hands = []

        def workers(self):
            return 5

        def put_hand(self, job, ticket, timeout):
            self.hands.append((job.id, timeout))

    queue = Crowd()
    crowded = replace(backend, queue=queue)
    simulating.call_hands(crowded, job, RUNS)
    assert queue.hands == [(job.id, backend.settings.simulation_timeout)] * 4
    simulating.call_hands(crowded, job, 2)
    assert len(queue.hands) == 5
    simulating.call_hands(crowded, job, 0)
    assert len(queue.hands) == 5


def test_a_hand_does_one_run_and_stands_in_the_queue_again(bench, backend, job):
    Snapshot(backend, job, simulations.plan_of(job.request)).take()
    assert len(backend.queue) == 1, "the job's own ticket, which no worker took here"

    for left in range(RUNS - 1, -1, -1):
        before = len(backend.queue)
        simulating.assist(bench, job.id, f"h{left}")
        assert len(share_of(backend, job, "t").left()) == left
        assert len(backend.queue) == before + (left > 0)

    simulating.assist(bench, job.id, "late")
    assert backend.storage.progress(job.id) == (RUNS * FITS, RUNS * FITS)


def test_a_run_is_taken_from_a_worker_that_gives_no_sign_of_life(backend, job):
    first, second = share_of(backend, job, "a"), share_of(backend, job, "b")
    jobs.hold(backend, "a")
    assert first.take().number == 0
    assert second.take().number == 1

    backend.storage.redis.delete(key_of("held", "a"))

    assert second.take().number == 0
    jobs.hold(backend, "b")
    assert first.take().number == 2, "it is another's now"


def test_runs_that_are_there_already_are_not_repeated(bench, backend, job, monkeypatch):
    Snapshot(backend, job, simulations.plan_of(job.request)).take()
    simulating.assist(bench, job.id, "h")
    jobs.lose(backend, job.id, job.ticket)
    again = jobs.get(backend, job.id)
    assert again.state == QUEUED
    simulating.assist(bench, job.id, "a hand goes on meanwhile")
    second = jobs.claim(backend, job.id, again.ticket)
    played = []
    real = sharing.replay
    monkeypatch.setattr(sharing, "replay", lambda *given: played.append(1) or real(*given))

    simulating.simulate(bench, second)

    assert len(played) == RUNS - 2


def test_labels_that_change_while_it_runs_change_nothing(bench, backend, job, pool):
    plan = simulations.plan_of(job.request)
    Snapshot(backend, job, plan).take()
    simulating.assist(bench, job.id, "h")
    label(backend, pool, dict.fromkeys(range(60), "other"))

    data = Snapshot(backend, job, plan).data()
    simulating.simulate(bench, job)

    assert (data.population.total, data.classes) == (50, ("no", "yes"))
    assert data.population.features.dtype == np.float32
    assert backend.storage.get(Simulation, job.id).summary["items"]["labelled"] == 50


def test_a_run_that_cannot_be_fitted_fails_the_job_and_says_which(bench, backend, plan):
    narrow = Recipe(estimator="logistic_regression", parameters={"solver": "newton-cholesky"})
    wrong = replace(plan, recipes=(*plan.recipes, replace(narrow, parameters={"penalty": "none"})))
    submitted = simulations.submit(backend, wrong)
    job = jobs.claim(backend, submitted.id, submitted.ticket)

    with pytest.raises(FitFailed) as failure:
        simulating.simulate(bench, job)

    said = failure.value.detail
    assert said.startswith("logistic_regression")
    assert "with margin, seed 0, round 0: " in said


def test_a_run_that_takes_too_much_memory_fails_by_itself(backend, plan):
    small = replace(backend, settings=replace(backend.settings, sandbox_memory=256 * 1024**2))
    submitted = simulations.submit(small, plan)
    job = jobs.claim(small, submitted.id, submitted.ticket)
    share, snapshot = share_of(small, job, "t"), Snapshot(small, job, plan)
    snapshot.take()

    def greedy(*given):
        return np.zeros(2**30)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sharing, "replay", greedy)
        with pytest.raises(OutOfMemory, match="logistic_regression with margin, seed 0, round 0"):
            share.play(share.take(), snapshot.data())
    share.play(share.take(), snapshot.data())


def test_a_hand_that_fails_leaves_its_run_to_others(bench, backend, job, monkeypatch):
    Snapshot(backend, job, simulations.plan_of(job.request)).take()

    def broken(*given):
        raise FitFailed("by bad luck")

    with monkeypatch.context() as patched:
        patched.setattr(sharing, "replay", broken)
        with pytest.raises(FitFailed):
            simulating.assist(bench, job.id, "h")

    assert share_of(backend, job, "t").take().number == 0
    backend.storage.forget(f"run:{job.id}:0")
    assert simulating.simulate(bench, job)["runs"] == RUNS


def test_a_cancelled_simulation_stops_and_so_do_its_hands(bench, backend, job, monkeypatch):
    Snapshot(backend, job, simulations.plan_of(job.request)).take()
    real, begun = sharing.replay, Event()

    def slow(plan, run, data, tick):
        def told(ended):
            begun.set()
            until(lambda: jobs.get(backend, job.id).state != "running")
            tick(ended)

        return real(plan, run, data, told)

    monkeypatch.setattr(sharing, "replay", slow)
    stopped = []

    def work(do, *given):
        try:
            do(bench, *given)
        except Cancelled as error:
            stopped.append(error)

    workers = [
        Thread(target=work, args=(simulating.simulate, job)),
        Thread(target=work, args=(simulating.assist, job.id, "h")),
    ]
    for each in workers:
        each.start()
    assert begun.wait(30)
    jobs.cancel(backend, job.id)
    for each in workers:
        each.join()

    assert len(stopped) == 2
    jobs.fail(backend, job, stopped[0])
    assert jobs.get(backend, job.id).state == CANCELLED
    assert not backend.files.exists(work_name(job.id))
    simulating.assist(bench, job.id, "late")


def test_what_a_hand_leaves_after_the_end_is_removed(bench, backend, job):
    simulating.simulate(bench, job)
    jobs.succeed(backend, job, {})
    backend.files.path(work_name(job.id)).mkdir()
    backend.files.path(work_name("unknown")).mkdir()

    recovery.forget_abandoned_work(backend)

    assert backend.files.work() == []
    assert jobs.get(backend, job.id).state == SUCCEEDED


def test_a_simulation_of_a_pool_that_is_deleted_meanwhile_leaves_nothing(
    bench, backend, job, pool, monkeypatch
):
    def deleting(plan, traces, directory):
        pools.delete(backend, pool.id)

    monkeypatch.setattr(simulating.results, "write_rounds", deleting)
    with pytest.raises((SubjectGone, Cancelled)):
        simulating.simulate(bench, job)

    assert backend.storage.get(Simulation, job.id) is None
    assert not backend.files.exists(simulation_name(job.id))


def test_a_test_pool_is_kept_with_its_labels_too(backend, plan, pool):
    tests = stored_pool(backend, np.ones((4, 2), dtype=np.float32), {0: "yes", 3: "no"})
    apart = replace(plan, test_share=None, test_pool=tests.id)
    submitted = simulations.submit(backend, apart)
    snapshot = Snapshot(backend, submitted, apart)
    snapshot.take()

    data = snapshot.data()
    assert data.test_codes.tolist() == [1, 0]
    assert data.test_vectors.shape == (2, 2)
    pools.delete(backend, tests.id)
    with pytest.raises(SubjectGone):
        snapshot.data()


def test_only_the_metadata_that_is_asked_for_is_held(backend, plan, job):
    grouped = replace(plan, functions=(Function("group_cap", {"column": "city", "most": 1}),))

    assert Snapshot(backend, job, grouped).columns == {"city"}
    assert Snapshot(backend, job, plan).columns == set()


def test_a_document_of_a_run_says_all_of_it(bench, backend, job):
    Snapshot(backend, job, simulations.plan_of(job.request)).take()
    simulating.assist(bench, job.id, "h")

    path = backend.files.path(f"{work_name(job.id)}/runs/0.json")
    rounds = json.loads(path.read_text())["rounds"]
    assert [each["labels"] for each in rounds] == [4, 7, 10]
    assert isinstance(job, Job)


def test_runs_in_processes_beside_leave_what_they_leave_here(bench, backend, plan):
    expected = summary_of(bench, plan)
    settings = replace(backend.settings, fit_processes=2)

    assert summary_of(replace(bench, backend=replace(backend, settings=settings)), plan) == expected


def test_runs_on_a_cluster_leave_what_they_leave_here(bench, backend, plan, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install shortlist[dask]")
    expected = summary_of(bench, plan)
    monkeypatch.setattr(clusters, "SECONDS_TO_CONNECT", 20)
    with cluster() as (address, processes):
        settings = replace(backend.settings, compute=address)
        away = replace(bench, backend=replace(backend, settings=settings))

        assert summary_of(away, plan) == expected

        for each in processes:
            each.kill()
            each.wait()
        monkeypatch.setattr(clusters, "SECONDS_TO_CONNECT", 0.5)
        with pytest.raises(ComputeFailed, match=address):
            summary_of(away, plan)


def summary_of(bench, plan):
    """What a simulation comes to, and its rounds."""
    submitted = simulations.submit(bench.backend, plan)
    job = jobs.claim(bench.backend, submitted.id, submitted.ticket)
    simulating.simulate(bench, job)
    rounds, _ = simulations.rounds(bench.backend, job.id, 0, 1000)
    return bench.backend.storage.get(Simulation, job.id).summary, rounds
