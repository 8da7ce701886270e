"""The audit: what was acknowledged is there, and nothing is there that belongs to nobody."""

import time
from collections import Counter
from itertools import chain

import numpy as np

from service.records import Model, Pool, Predictions, Ranking, Simulation
from tests.chaos.actors import ALL, FINAL
from workers.worker import tidy

SECONDS_TO_END = 120
SECONDS_TO_SETTLE = 12
"""For a label that was decided by a completed lease, and whose process died before it was put."""

KILLED_MODEL = frozenset({"out_of_memory", "crashed"})
GONE = frozenset({"subject_gone", "pool_not_found", "not_found"})


class Audit:
    """Counts what it looks at, and complains of what is wrong."""

    def __init__(self, installation, sender, ledger):
        self.installation, self.sender, self.ledger = installation, sender, ledger
        self.counts = Counter()
        self.complain = ledger.complain

    def get(self, path):
        return self.sender.send("GET", path, hurry=False)

    def pages(self, path, name):
        """Return all of a list that comes in pages."""
        found, token = [], ""
        while token is not None:
            mark = "&" if "?" in path else "?"
            more = f"{mark}page_token={token}" if token else ""
            status, said = self.get(path + more)
            if status != 200:
                self.complain(f"GET {path} is answered by {status}: {said}")
                return found
            found += said[name]
            token = said["next_page_token"]
        return found

    def check(self):
        """Look at everything; what is wrong stands in the ledger."""
        self.jobs()
        backend = self.installation.backend
        self.decisions(backend)
        tidy(backend, 0)
        for account in self.ledger.pools.values():
            self.pool(account)
        for model in self.ledger.models:
            if self.get(f"/v1/models/{model}")[0] != 200:
                self.complain(f"the model {model} is gone")
            self.counts["models there"] += 1
        self.rankings(backend)
        self.learners()
        self.files(backend)

    def decisions(self, backend):
        """Wait, where a process died before it had put a label, until others may put it."""
        keys = [backend.leases.key("leases", pool, "decisions") for pool in self.ledger.pools]
        if any(map(backend.connection.hlen, keys)):
            time.sleep(SECONDS_TO_SETTLE)

    def jobs(self):
        """Every job has ended, within two minutes, and says truly why."""
        deadline = time.monotonic() + SECONDS_TO_END
        began = time.monotonic()
        while True:
            found = self.pages("/v1/jobs?page_size=1000", "jobs")
            open = [job for job in found if job["state"] not in FINAL]
            if not open or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self.ledger.counts["seconds until all jobs had ended"] = round(time.monotonic() - began)
        for job in open:
            self.complain(f"not ended in {SECONDS_TO_END} s: {job}")
        known = {job["id"]: job for job in found}
        for id, task in self.ledger.jobs.items():
            if id not in known and self.ledger.job_pools.get(id) is None:
                self.complain(f"the acknowledged job {id} ({task}) is gone")
        for id, said in self.ledger.ended.items():
            if id in known and known[id] != said:
                self.complain(f"a job that had ended changed: {said} is now {known[id]}")
        for job in found:
            self.reason(job)

    def reason(self, job):
        self.counts[f"jobs {job['state']}: {job['reason'] or 'with a result'}"] += 1
        pool = self.ledger.pools.get(job["request"].get("pool", ""))
        deleting = pool is not None and pool.deleting
        truly = {
            "succeeded": job["reason"] is None and job["result"] is not None,
            "cancelled": deleting,
            "failed": (job["reason"] == "worker_lost" and job["attempts"] == 2)
            or job["reason"] in KILLED_MODEL
            or (job["reason"] in GONE and deleting)
            or (job["reason"] == "too_few_labels"),
        }
        if not truly.get(job["state"], True):
            self.complain(f"no true reason: {job}")
        if job["attempts"] > 2:
            self.complain(f"begun too often: {job}")

    def pool(self, account):
        """A pool has the parts, items, labels and sets that were acknowledged, or is gone."""
        status, pool = self.get(f"/v1/pools/{account.id}")
        if account.deleted or (account.deleting and status == 404):
            self.gone(account, status)
            return
        if status != 200:
            self.complain(f"the pool {account.id} is answered by {status}")
            return
        self.parts(account, pool)
        self.labels(account)
        for name, ids in account.exclusions.items():
            path = f"/v1/pools/{account.id}/exclusions/{name}"
            status, said = self.get(path)
            if status != 200 or sorted(said["ids"]) != sorted(ids):
                self.complain(f"the exclusion set {path} is {status} {said}, not {ids}")
            self.counts["exclusion sets there"] += 1
        self.leases(account)

    def gone(self, account, status):
        if status != 404:
            self.complain(f"the pool {account.id} was deleted and is answered by {status}")
        for what in ("labels", "items", "exclusions", "leases"):
            if self.get(f"/v1/pools/{account.id}/{what}")[0] != 404:
                self.complain(f"the {what} of the deleted pool {account.id} are there")
        self.counts["deleted pools gone"] += 1

    def parts(self, account, pool):
        held = {part["job"]: part["rows"] for part in pool["parts"]}
        for job, rows in account.parts.items():
            if held.get(job) != rows:
                self.complain(f"the pool {account.id}: job {job} of {rows} rows is {held.get(job)}")
            self.counts["parts there"] += 1
        if len(held) != len(pool["parts"]) or pool["total"] != sum(held.values()):
            self.complain(f"the pool {account.id} holds a part twice: {pool['parts']}")
        if not account.unsure and held != account.parts:
            self.complain(f"the pool {account.id} has parts that nobody sent: {held}")
        items = self.pages(f"/v1/pools/{account.id}/items?page_size=1000", "items")
        ids = [item["id"] for item in items]
        expected = [*chain.from_iterable(account.ids[job] for job in held if job in account.ids)]
        if len(ids) != pool["total"] or len({*ids}) != len(ids):
            self.complain(f"the pool {account.id} has {len(ids)} items, not {pool['total']}")
        if not account.unsure and ids != expected:
            self.complain(f"the items of the pool {account.id} are not those sent, in their order")
        self.counts["items there"] += len(ids)

    def labels(self, account):
        rows = self.pages(f"/v1/pools/{account.id}/labels?page_size=1000", "labels")
        found = {row["id"]: row["label"] for row in rows}
        unsure = account.unsure_labels
        for id, label in account.labels.items():
            if found.get(id) != label and found.get(id) != unsure.get(id, label):
                self.complain(f"pool {account.id}: {id} is {found.get(id)}, labelled {label}")
            self.counts["labels there"] += 1
        strangers = found.keys() - account.labels.keys() - unsure.keys()
        if strangers:
            self.complain(f"pool {account.id}: labels that nobody gave, of {sorted(strangers)}")

    def leases(self, account):
        """No item was handed out twice, by what clients were told and by what is kept."""
        told = Counter(chain.from_iterable(account.leased))
        kept = Counter()
        for lease in self.pages(f"/v1/pools/{account.id}/leases?page_size=1000", "leases"):
            kept.update(item["id"] for item in self.get(f"/v1/leases/{lease['id']}")[1]["items"])
        for which, counted in (("told", told), ("kept", kept)):
            twice = [id for id, times in counted.items() if times > 1]
            if twice:
                self.complain(f"pool {account.id}: leased twice, as {which}: {twice}")
        self.counts["items leased once"] += len(told)

    def rankings(self, backend):
        """Every ranking is whole, reads the same twice and as at first, or was deleted."""
        alive = {account.id for account in self.ledger.pools.values() if not account.deleting}
        unsure = {account.id for account in self.ledger.pools.values() if account.deleting}
        listed = self.pages("/v1/rankings?page_size=1000", "rankings")
        known = {ranking["id"]: ranking for ranking in listed}
        for ranking in listed:
            if ranking["pool"] not in alive | unsure:
                self.complain(f"the ranking {ranking['id']} is of no pool that anybody made")
            self.ranking(backend, ranking)
        for id, job in self.ledger.ended.items():
            pool = self.ledger.job_pools.get(id)
            if job["state"] == "succeeded" and pool in alive:
                for ranking in (job["result"] or {}).get("rankings", ()):
                    if ranking["id"] not in known.keys() | self.ledger.gone:
                        self.complain(f"the ranking {ranking['id']} of a job is gone")

    def ranking(self, backend, ranking):
        id = ranking["id"]
        path = f"/v1/rankings/{id}/items?n={ALL}&include_labelled=true"
        first, second = (self.get(path)[1].get("items") for _ in range(2))
        if first != second or first is None:
            self.complain(f"the ranking {id} does not read the same twice")
            return
        before = self.ledger.readings.get(id)
        if before is not None and before != first:
            self.complain(f"the ranking {id} is not what it was")
        if len(first) != ranking["ranked"]:
            self.complain(f"the ranking {id} reads {len(first)} of {ranking['ranked']} items")
        folder = backend.files.root / "rankings" / id
        order, back, scores = (
            np.load(folder / f"{name}.npy") for name in ("order", "order_ascending", "scores")
        )
        total = ranking["total"]
        whole = (
            sorted(order.tolist()) == list(range(total))
            and sorted(back.tolist()) == list(range(total))
            and scores.shape == (total,)
            and bool(np.isfinite(scores).all())
            and bool((np.diff(scores[order]) <= 0).all())
            and bool((np.diff(scores[back]) >= 0).all())
            and [item["score"] for item in first] == scores[order].tolist()
        )
        if not whole:
            self.complain(f"the ranking {id} is partial, or its files do not agree")
        self.counts["rankings whole"] += 1

    def learners(self):
        gone = {account.id for account in self.ledger.pools.values() if account.deleting}
        for id, pool in self.ledger.learners.items():
            status, said = self.get(f"/v1/learners/{id}")
            if pool not in gone and status != 200:
                self.complain(f"the learner {id} is answered by {status}: {said}")
            self.counts["learners there"] += pool not in gone

    def files(self, backend):
        """Every file belongs to a record, and none is temporary."""
        expected = expected_files(backend)
        found = found_files(backend.files.root)
        for name in sorted(found - expected):
            self.complain(f"the file {name} belongs to nobody")
        for name in sorted(needed_files(backend) - found):
            self.complain(f"the file {name} is missing")
        self.counts["files of a record"] += len(found & expected)
        for name in ("staging", "uploads", "work"):
            for path in (backend.files.root / name).iterdir():
                self.complain(f"left in {name}: {path.name}")


def every(backend, kind):
    """All records of a kind."""
    found, after = [], None
    while True:
        page, after = backend.storage.page(kind, after, 1000)
        found += page
        if after is None:
            return found


def needed_files(backend):
    """What records say that there is."""
    parts = [(pool.id, part.id) for pool in every(backend, Pool) for part in pool.parts]
    return {
        *(f"pools/{pool}/{part}" for pool, part in parts),
        *(f"pools/{each.pool}/predictions/{each.id}" for each in every(backend, Predictions)),
        *(f"models/{each.id}" for each in every(backend, Model)),
        *(f"models/{each.id}.json" for each in every(backend, Model)),
        *(f"rankings/{each.id}" for each in every(backend, Ranking)),
        *(f"simulations/{each.id}" for each in every(backend, Simulation)),
    }


def expected_files(backend):
    """What there is and what there may be: forms of models, and what they say of parts."""
    kept = {each.id for each in every(backend, Model)}
    parts = {part.id for pool in every(backend, Pool) for part in pool.parts}
    root = backend.files.root
    said = (
        f"predictions/{model}/{name.name}"
        for model in kept
        for name in (root / "predictions" / model).glob("*")
        if name.name.removesuffix("-members") in parts
    )
    forms = (f"forms/{path.parent.name}/{path.name}" for path in root.glob("forms/*/*"))
    return {*needed_files(backend), *said, *(each for each in forms if each.split("/")[1] in kept)}


def found_files(root):
    """What there is."""
    patterns = ("models/*", "rankings/*", "simulations/*", "forms/*/*", "predictions/*/*")
    flat = {path for pattern in patterns for path in root.glob(pattern)}
    parts = {path for path in root.glob("pools/*/*") if path.name != "predictions"}
    given = {*root.glob("pools/*/predictions/*")}
    return {path.relative_to(root).as_posix() for path in flat | parts | given}
