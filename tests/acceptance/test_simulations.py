"""Active learning replayed through the service: what it shows, and that it shows it every time."""

import csv
import io
import json

import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

from benchmarks.label_strategies import STRATEGIES
from tests.conftest import installation, until
from tests.processes import kill, named
from tests.uploads import npy

LOGISTIC = {"name": "logistic_regression", "parameters": {"max_iter": 1000}}
COMPARED = ("margin", "dmbal")
SEEDS = 3


def digits_pool(client, rows=None):
    """scikit-learn's digits from 0 to 1, all of them labelled; the pool's id."""
    pixels, truth = load_digits(return_X_y=True)
    pool = client.pool(npy(pixels[:rows] / 16), "application/x-npy")
    labels = [{"id": str(row), "label": int(each)} for row, each in enumerate(truth[:rows])]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": labels}).status == 200
    return pool


def asked(pool, *functions, **said):
    """A simulation by the protocol of docs/label_economy.md, but for what is said."""
    return {
        "pool": pool,
        "estimators": [LOGISTIC],
        "functions": [{"name": each} if isinstance(each, str) else each for each in functions],
        "seeds": SEEDS,
        "initial": {"size": 20, "draw": "random"},
        "budget": 10,
        "rounds": 30,
        **said,
    }


@pytest.fixture(scope="module")
def pool(live):
    return digits_pool(live)


@pytest.fixture(scope="module")
def economy(live, pool):
    """The finished job of some strategies of the table."""
    functions = [STRATEGIES[each].asked(0) for each in COMPARED]
    answer = live.post("/v1/simulations", asked(pool, *functions))
    assert answer.status == 202, answer.body
    job = live.ended(answer.json["id"], patience=180)
    assert job["state"] == "succeeded", job
    return job


@pytest.mark.parametrize("name", [*COMPARED, "random"])
def test_digits_are_learnt_as_the_reference_learns_them(live, economy, name):
    summary = live.get(economy["links"]["simulation"]).json["summary"]
    reference = STRATEGIES[name].reference
    found = summary["combinations"][[*COMPARED, "random"].index(name)]

    assert found["metrics"]["accuracy"]["area"]["mean"] == pytest.approx(
        reference.mean, abs=reference.deviation
    )
    assert found["labels"] == list(range(20, 321, 10))


def test_every_round_is_told_in_every_form(live, economy):
    links = economy["links"]
    lines = live.get(links["rounds"], Accept="application/x-ndjson").body.splitlines()
    rounds = [json.loads(line) for line in lines]
    table = live.get(links["rounds"], Accept="text/csv").body.decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    stream = live.get(links["rounds"], Accept="application/vnd.apache.arrow.stream").body
    page = live.get(f"{links['rounds']}?page_size=1000").json

    assert len(rounds) == 3 * SEEDS * 31
    assert [row["accuracy"] for row in rows] == [str(each["accuracy"]) for each in rounds]
    assert pa.ipc.open_stream(stream).read_all().to_pylist() == rounds
    assert page == {"rounds": rounds, "next_page_token": None}
    for each in range(0, len(rounds), 31):
        run = rounds[each : each + 31]
        queried = [id for step in run for id in step["queried"]]
        assert [len(step["queried"]) for step in run] == [20] + [10] * 30
        assert len(set(queried)) == 320


def test_curves_are_drawn(live, economy):
    link = economy["links"]["curves"]

    assert live.get(link).body.startswith(b"<?xml")
    assert live.get(f"{link}.svg").body == live.get(link, Accept="image/svg+xml").body
    assert live.get(link, Accept="image/png").body.startswith(b"\x89PNG")
    assert live.get(link, Accept="application/pdf").status == 406


def test_a_job_that_runs_says_how_long_it_may_go_on(live, pool):
    job = live.post("/v1/simulations", asked(pool, "entropy")).json["id"]

    def remaining():
        return live.get(f"/v1/jobs/{job}").json["progress"]["remaining_seconds"]

    assert until(remaining) > 0
    live.post(f"/v1/jobs/{job}/cancel")
    assert live.ended(job)["state"] == "cancelled"
    assert live.get(f"/v1/jobs/{job}").json["progress"]["remaining_seconds"] is None


def test_a_scoring_does_not_wait_until_a_simulation_has_ended(live, pool):
    job = live.post("/v1/simulations", asked(pool, "entropy", rounds=15, seeds=30)).json["id"]
    until(lambda: live.get(f"/v1/jobs/{job}").json["progress"]["done"])

    live.finish("/v1/scorings", {"pool": pool, "acquisitions": [{"name": "random"}]})

    assert live.get(f"/v1/jobs/{job}").json["state"] == "running"
    live.post(f"/v1/jobs/{job}/cancel")
    assert live.ended(job)["state"] == "cancelled"


def test_an_estimator_that_cannot_be_fitted_fails_the_job_and_is_named(live, pool):
    wrong = {"name": "logistic_regression", "parameters": {"solver": "liblinear"}}

    job = live.post("/v1/simulations", asked(pool, "margin", estimators=[wrong])).json["id"]

    ended = live.ended(job)
    assert (ended["state"], ended["reason"]) == ("failed", "fit_failed")
    assert "logistic_regression with margin, seed 0, round 0" in ended["error"]["detail"]


def files_of(client, job):
    """All that a simulation left, but for what says when and under which id."""
    links = job["links"]
    forms = ("text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream")
    found = [client.get(links["rounds"], Accept=each).body for each in forms]
    found += [client.get(f"{links['curves']}.{each}").body for each in ("svg", "png")]
    return [*found, client.get(links["simulation"]).json["summary"]]


SMALL = {
    "seeds": [3, 1],
    "rounds": 3,
    "metrics": ["accuracy", "f1_macro", "f1_weighted", "balanced_accuracy", "log_loss", "auroc"],
    "initial": {"size": 20, "draw": "stratified"},
}
MIXED = ("margin", "badge", {"name": "dmbal"}, {"name": "gibbs", "of": [{"name": "entropy"}]})


def test_the_same_seed_gives_the_same_curve_on_one_worker_or_three_and_outlives_both(tmp_path):
    with installation(tmp_path, workers=3) as (client, _):
        pool = digits_pool(client, 300)
        first = client.finish("/v1/simulations", asked(pool, *MIXED, **SMALL))
        shared = files_of(client, first)
    with installation(tmp_path, workers=1) as (client, _):
        assert files_of(client, first) == shared
        again = client.finish("/v1/simulations", asked(pool, *MIXED, **SMALL))
        alone = files_of(client, again)

    assert again["id"] != first["id"]
    assert alone == shared


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    """An installation of which processes are killed, what is asked of it, and what it answers."""
    place = tmp_path_factory.mktemp("fragile")
    with installation(place, workers=2, heartbeat=1) as (client, process):
        whole = asked(digits_pool(client, 300), "margin", seeds=5, rounds=12)
        expected = files_of(client, client.finish("/v1/simulations", whole))
        yield client, process.pid, whole, expected


def horses(serve):
    """The processes that do jobs, the oldest first."""
    workers = named(serve, "-m workers ")
    return sorted(each for worker in workers for each in named(worker, "-m workers "))


@pytest.mark.parametrize(
    ("victims", "attempts"),
    [("the hand", 1), ("the job's own process", 2), ("both", 2)],
)
def test_a_simulation_survives_that_its_processes_are_killed(fragile, victims, attempts):
    client, serve, whole, expected = fragile
    job = client.post("/v1/simulations", whole).json["id"]
    until(lambda: client.get(f"/v1/jobs/{job}").json["progress"]["done"] > 20)
    own, hand = until(lambda: found if len(found := horses(serve)) == 2 else None)

    for each in {"the hand": [hand], "the job's own process": [own]}.get(victims, [own, hand]):
        kill(each)
    ended = client.ended(job)

    assert (ended["state"], ended["attempts"]) == ("succeeded", attempts), ended
    assert files_of(client, ended) == expected
