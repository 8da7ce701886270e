"""The actors that make work: each takes pools of its own from their first part to their end."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.chaos.ledger import PoolAccount
from tests.chaos.sender import GivenUp
from tests.models import fitted, saved
from tests.uploads import as_csv, as_multipart, as_ndjson, as_npy, as_npz

FORMATS = (as_csv, as_ndjson, as_npz, as_multipart, as_npy)
WIDTH = 64
CLASSES = 10
FINAL = frozenset({"succeeded", "failed", "cancelled"})
ANNOTATORS = 3
ALL = 100_000


class Actor:
    """One client's work, over and over, until the campaign is over."""

    def __init__(self, sender, ledger, seed, *, rows):
        self.sender, self.ledger, self.rows = sender, ledger, rows
        self.chance = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.name = f"actor {seed}"

    def work(self):
        """Work until the campaign is over."""
        while not self.sender.over.is_set():
            try:
                self.round()
            except GivenUp:
                continue

    def round(self):
        """Make a pool, and do with it what people do."""
        pool = self.make_pool()
        for number in range(self.chance.randint(1, 3)):
            self.upload(pool, number)
        if not pool.parts:
            return
        self.label(pool)
        self.exclude(pool)
        rankings = self.score(pool, self.model())
        for ranking in rankings[:1]:
            self.annotate(pool, ranking)
        self.train(pool)
        if self.chance.random() < 0.4:
            self.teach(pool)
        if rankings and self.chance.random() < 0.4:
            self.delete_ranking(rankings[-1])
        if self.chance.random() < 0.5:
            self.delete_pool(pool)

    def send(self, step, *request, **options):
        """Send a request; note that this step begins."""
        self.ledger.begin(step)
        return self.sender.send(*request, **options)

    def ended(self, answer, task, pool=None):
        """Return a job that was acknowledged once it has ended, None where it was refused."""
        status, said = answer
        if status not in (201, 202):
            self.ledger.complain(f"{task} was answered by {status}: {said}")
            return None
        id, began = said["id"], time.monotonic()
        with self.ledger.lock:
            self.ledger.jobs[id] = task
            if pool is not None:
                self.ledger.job_pools[id] = pool.id
        while True:
            status, job = self.sender.send("GET", f"/v1/jobs/{id}", wait=2)
            if status != 200:
                self.ledger.complain(f"the acknowledged job {id} is answered by {status}")
                return None
            if job["state"] in FINAL:
                break
            if self.sender.over.is_set():
                raise GivenUp(id)
        with self.ledger.lock:
            self.ledger.ended[id] = job
            self.ledger.slowest = max(self.ledger.slowest, time.monotonic() - began)
        return job

    def make_pool(self):
        status, said = self.send("creating", "POST", "/v1/pools", {"name": self.name})
        assert status == 201, said
        pool = PoolAccount(said["id"])
        self.ledger.pools[pool.id] = pool
        return pool

    def upload(self, pool, number):
        """Add a part; it has numbers for ids where its format has none."""
        rows = self.chance.randint(50, self.rows)
        form = self.chance.choice(FORMATS if number == 0 else FORMATS[:-1])
        ids = [f"{number}-{row}" for row in range(rows)]
        if form is as_npy:
            ids = [str(row) for row in range(rows)]
        features = self.numbers.integers(0, 17, (rows, WIDTH)) / 16
        media_type, body = form(ids, features, {})
        path = f"/v1/pools/{pool.id}/items"
        pool.unsure, before = True, pool.unsure
        job = self.ended(self.send("uploading", "POST", path, body, media_type), "ingest", pool)
        pool.unsure = before
        if job is not None and job["state"] == "succeeded":
            pool.parts[job["id"]] = rows
            pool.ids[job["id"]] = ids
            self.ledger.count("parts")

    def label(self, pool):
        known = [id for ids in pool.ids.values() for id in ids]
        for _ in range(self.chance.randint(1, 5)):
            chosen = self.chance.sample(known, min(20, len(known)))
            said = {id: self.chance.randrange(CLASSES) for id in chosen}
            body = {"labels": [{"id": id, "label": label} for id, label in said.items()]}
            pool.unsure_labels.update(said)
            status, answer = self.send("labelling", "PUT", f"/v1/pools/{pool.id}/labels", body)
            if status != 200:
                self.ledger.complain(f"labels were answered by {status}: {answer}")
                return
            pool.labels.update(said)
            for id in said:
                del pool.unsure_labels[id]
            self.ledger.count("labels", len(said))

    def exclude(self, pool):
        known = [id for ids in pool.ids.values() for id in ids]
        chosen = self.chance.sample(known, 10)
        path = f"/v1/pools/{pool.id}/exclusions/seen"
        status, said = self.send("excluding", "PUT", path, {"ids": chosen})
        if status != 200:
            self.ledger.complain(f"an exclusion set was answered by {status}: {said}")
            return
        pool.exclusions["seen"] = chosen
        self.ledger.count("exclusion sets")

    def model(self):
        """Upload the small forest, the same for all; return its id, None where that failed."""
        body = saved(fitted("random_forest"), "skops")
        path = "/v1/models?format=skops"
        answer = self.send("sending a model", "POST", path, body, "application/octet-stream")
        return self.model_of(self.ended(answer, "inspect"))

    def model_of(self, job):
        if job is None or job["state"] != "succeeded":
            return None
        model = job["result"]["model"]["id"]
        with self.ledger.lock:
            self.ledger.models.add(model)
        self.ledger.count("models")
        return model

    def score(self, pool, model):
        """Score a pool by two functions; return the rankings, once they were read."""
        if model is None:
            return []
        names = self.chance.sample(["entropy", "margin", "least_confidence"], 2)
        body = {"pool": pool.id, "model": model, "acquisitions": [{"name": name} for name in names]}
        job = self.ended(self.send("scoring", "POST", "/v1/scorings", body), "score", pool)
        if job is None or job["state"] != "succeeded":
            return []
        found = [ranking["id"] for ranking in job["result"]["rankings"]]
        for ranking in found:
            self.read(ranking)
        self.ledger.count("rankings", len(found))
        return found

    def read(self, ranking):
        path = f"/v1/rankings/{ranking}/items?n={ALL}&include_labelled=true"
        status, said = self.sender.send("GET", path)
        if status != 200:
            self.ledger.complain(f"the ranking {ranking} of a job is answered by {status}: {said}")
            return
        with self.ledger.lock:
            self.ledger.readings[ranking] = said["items"]

    def annotate(self, pool, ranking):
        """Several annotators at once lease items, and complete some of them."""
        seeds = [self.chance.randrange(2**32) for _ in range(ANNOTATORS)]
        with ThreadPoolExecutor(ANNOTATORS) as threads:
            done = [
                threads.submit(self.lease, pool, ranking, random.Random(seed)) for seed in seeds
            ]
        for each in done:
            each.result()

    def lease(self, pool, ranking, chance):
        annotator = f"annotator {chance.randrange(2**32)}"
        for _ in range(chance.randint(1, 4)):
            body = {"annotator": annotator, "n": chance.randint(1, 6)}
            path = f"/v1/rankings/{ranking}/leases"
            status, said = self.send("leasing", "POST", path, body)
            if status not in (200, 201):
                self.ledger.complain(f"a lease was answered by {status}: {said}")
                return
            held = [item["id"] for item in said["items"]]
            with self.ledger.lock:
                pool.leased.append(held)
            self.ledger.count("leases")
            if held and chance.random() < 0.7:
                self.complete(pool, said["id"], {id: chance.randrange(CLASSES) for id in held})

    def complete(self, pool, lease, said):
        body = {"labels": [{"id": id, "label": label} for id, label in said.items()]}
        with self.ledger.lock:
            pool.unsure_labels.update(said)
        status, answer = self.send("completing", "POST", f"/v1/leases/{lease}/complete", body)
        if status != 200:
            self.ledger.complain(f"a completion was answered by {status}: {answer}")
            return
        with self.ledger.lock:
            pool.labels.update(said)
            for id in said:
                del pool.unsure_labels[id]
        self.ledger.count("labels", len(said))
        self.ledger.count("completions")

    def train(self, pool):
        body = {"pool": pool.id, "estimator": {"name": "naive_bayes"}, "folds": 0}
        status, said = answer = self.send("training", "POST", "/v1/trainings", body)
        if status == 422:  # of so few labels all may be of one class
            self.ledger.count(f"trainings refused: {said['detail'][:40]}")
            return
        self.model_of(self.ended(answer, "train", pool))

    def teach(self, pool):
        body = {
            "pool": pool.id,
            "estimator": {"name": "naive_bayes"},
            "acquisition": {"name": "margin"},
            "n": 5,
            "folds": 0,
        }
        status, said = self.send("teaching", "POST", "/v1/learners", body)
        if status not in (201, 202):
            self.ledger.complain(f"a learner was answered by {status}: {said}")
            return
        with self.ledger.lock:
            self.ledger.learners[said["id"]] = pool.id
        self.ledger.count("learners")

    def delete_ranking(self, ranking):
        with self.ledger.lock:
            self.ledger.gone.add(ranking)
        self.deleted(f"/v1/rankings/{ranking}", "deleting a ranking")

    def delete_pool(self, pool):
        pool.deleting = True
        self.deleted(f"/v1/pools/{pool.id}", "deleting a pool")
        pool.deleted = True

    def deleted(self, path, step):
        status, said = self.send(step, "DELETE", path)
        if status not in (204, 404):  # 404 where the first try was carried out
            self.ledger.complain(f"DELETE {path} was answered by {status}: {said}")
        self.ledger.count("deletions")
