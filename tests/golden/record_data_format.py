"""Record a small data directory as this version leaves it, and what it answers of it.

A format is recorded once, when it is new: python -m tests.golden.record_data_format
"""

import json
import shutil
import tempfile
from pathlib import Path

from service.data_format import FORMAT
from service.processes.reaching import reached
from service.redis_storage import connect
from service.settings import Settings
from tests.conftest import installation, until
from tests.uploads import npy

PLACE = Path(__file__).parent / f"data-format-{FORMAT}"
PASSING = ("lock", "url", "log", "socket", "staging", "uploads", "work", "forms", "curves.*")
"""What is of one run only, can be made again, or is large: pictures."""

FIRST = {
    "items": [
        {"id": f"item-{row}", "features": [row, row % 2], "metadata": {"place": "aä"[row % 2]}}
        for row in range(12)
    ]
}
SECOND = {"items": [{"id": "last", "features": [7, 7], "metadata": {"place": "b", "year": 1999}}]}
LABELS = [{"id": f"item-{row}", "label": ("low", "high")[row // 6]} for row in range(0, 12, 2)]
PROBS = [{"id": f"item-{row}", "probs": [row / 12, 1 - row / 12]} for row in range(12)]


def fill(client):
    """Make a little of everything that files or records are kept of; return what to ask of it."""
    pool = client.post("/v1/pools", {"name": "as it was"}).json["id"]
    for items in (FIRST, SECOND):
        client.finish(f"/v1/pools/{pool}/items", items)
    client.pool(npy([[1.0], [2.0]]), "application/x-npy")
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": LABELS}).status == 200
    assert client.put(f"/v1/pools/{pool}/exclusions/held", {"ids": ["last"]}).status < 300
    said = {"classes": ["low", "high"], "items": PROBS}
    given = client.predictions(pool, said, kind="probs")
    estimator = {"name": "logistic_regression"}
    trained = client.finish("/v1/trainings", {"pool": pool, "estimator": estimator})
    model = trained["result"]["model"]["id"]
    rankings = client.rankings(pool, model, "margin", "entropy")
    asked = {"pool": pool, "predictions": given, "acquisitions": [{"name": "margin"}]}
    job = client.finish("/v1/scorings", asked)
    learner = {"pool": pool, "estimator": estimator, "acquisition": {"name": "margin"}}
    made = client.post("/v1/learners", learner).json["id"]
    simulated = {
        "pool": pool,
        "estimators": [estimator],
        "functions": [{"name": "margin"}],
        "seeds": 2,
        "initial": {"size": 2},
        "budget": 1,
        "rounds": 1,
        "metrics": ["accuracy"],
    }
    simulation = client.finish("/v1/simulations", simulated)["id"]
    every = [*rankings.values(), job["result"]["rankings"][0]["id"]]
    return [
        "/v1/pools",
        *(f"/v1/pools/{pool}{rest}" for rest in ("", "/items", "/labels", "/exclusions")),
        f"/v1/pools/{pool}/predictions/{given}",
        f"/v1/models/{model}",
        *(f"/v1/rankings/{id}{rest}" for id in every for rest in ("", "/items?n=20")),
        f"/v1/jobs/{job['id']}",
        f"/v1/learners/{made}",
        *(f"/v1/simulations/{simulation}{rest}" for rest in ("", "/rounds")),
    ]


def compact(home):
    """Have the server write what it holds as shortly as it can, without what RQ says of hosts."""
    with reached(Settings(data_dir=home)) as settings:
        client = connect(settings.redis_url)
        client.delete(*client.keys("rq:*"))
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        client.close()


def main():
    """Write the directory and the answers."""
    shutil.rmtree(PLACE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as made:
        home = Path(made) / "home"
        with installation(home, workers=1) as (client, _):
            paths = fill(client)
            for job in client.get("/v1/jobs").json["jobs"]:
                client.ended(job["id"])
            answers = {path: client.get(path).json for path in paths}
        compact(home)
        shutil.copytree(home, PLACE / "home", ignore=shutil.ignore_patterns(*PASSING))
    (PLACE / "answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
