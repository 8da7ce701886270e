"""What is measured as the work grows: the product's own functions, made ready for a pool."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.growth_pool import BLOCK, CLASSES, WIDTH, GrowthPool, Opened, blocks
from service.acquisition import REGISTRY
from service.acquisition.registry import BATCH
from service.backend import Backend, backend_on
from service.files import ranking_name
from service.functions import Function
from service.operations import rankings
from service.operations.rankings import Query
from service.processes import embedded
from service.ranking import ascending, bitmap_of, descending
from service.records import LABELLED, Ranking
from service.redis_storage import connect
from service.settings import Settings
from workers.evaluation import Evaluation, evaluate
from workers.ingestion import Summary, arrive
from workers.scoring import Outcome
from workers.scoring import write as write_ranking
from workers.selection import select
from workers.untrusted.models import predict_parts
from workers.untrusted.uploads import read_upload
from workers.workbench import Desk

Work = Callable[[], object]
"""Do it once. It may be done again, and holds what it mapped."""

READ = 100
EXCLUDED, NAMED = 10, 1_000
"""Every tenth item is excluded by a set; so many are named in a request."""

PICKED = {"batch_bald": 10}
"""How many a strategy picks, where it is not made for 100."""

SAID: dict[str, dict[str, Any]] = {"group_cap": {"column": "group"}}


def make_ready(pool: GrowthPool) -> None:
    """Write what the works on single items read: a table, a model, a ranking."""
    write_table(pool)
    write_model(pool)
    scores = np.load(pool.home / "drawn.npy")
    order = descending(scores)
    made = pool.files.path(ranking_name("ranking"))
    made.mkdir(parents=True)
    write_ranking(Outcome(entropy(), order, scores), made, pool.total)


def write_table(pool: GrowthPool) -> None:
    """Write the features as a Parquet file, with ids."""
    features = np.load(pool.home / "features.npy", mmap_mode="r")
    kind = pa.list_(pa.float32(), WIDTH)
    schema = pa.schema([("id", pa.string()), ("features", kind)])
    with pq.ParquetWriter(pool.directory / "table.parquet", schema, compression="none") as file:
        for rows in blocks(pool.total):
            ids = pa.array(np.arange(rows.start, rows.stop)).cast(pa.string())
            values = pa.FixedSizeListArray.from_arrays(features[rows].ravel(), type=kind)
            file.write_table(pa.table([ids, values], schema=schema))


def write_model(pool: GrowthPool) -> None:
    """Write a logistic regression."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    features = np.load(pool.home / "features.npy", mmap_mode="r")[:BLOCK]
    model = LogisticRegression(tol=1.0).fit(features, np.arange(len(features)) % CLASSES)
    skops.io.dump(model, pool.directory / "model.skops")


def upload(name: str, media_type: str) -> Callable[[GrowthPool], Work]:
    """Return what reads a file as the sandbox does, into the current directory."""
    limits = {
        "max_items": 10**9,
        "max_item_values": WIDTH,
        "max_id_bytes": 512,
        "max_metadata_columns": 64,
        "max_metadata_bytes": 4_096,
    }
    arguments = {"media_type": media_type, "options": {}, "limits": limits}

    def make(pool: GrowthPool) -> Work:
        path = pool.home / name if (pool.home / name).exists() else pool.directory / name

        def read() -> object:
            with path.open("rb") as body:
                return read_upload(arguments, {"body": body}, send)

        return read

    return make


def send(message: dict[str, Any]) -> None:
    """Hear how far a reader is."""
    del message


def ids(pool: GrowthPool) -> Work:
    """Number the items, hash their ids, index them, look for duplicates, and write all of it."""
    here = Path.cwd()
    summary = Summary(pool.total, (WIDTH,), "float32", True, "body", {})
    desk = Desk(here, here, here)
    return lambda: arrive(desk, pool.part, summary, 0)


def predict(pool: GrowthPool) -> Work:
    """Have a model predict every item."""
    arguments = {"format": "skops", "parts": ["part"], "block": 4_096}

    def ask() -> object:
        features, model = pool.home / "features.npy", pool.directory / "model.skops"
        with features.open("rb") as part, model.open("rb") as artifact:
            return predict_parts(arguments, {"part_0": part, "model": artifact}, send)

    return ask


def entropy() -> Function:
    """Return the function of single items that is measured."""
    return function("entropy")


def function(name: str) -> Function:
    """Return a function with its own defaults, and what it builds on unless it is told."""
    entry = REGISTRY[name]
    parameters = {each.name: each.default for each in entry.parameters}
    of = (function(entry.builds_on),) if entry.builds_on else ()
    return Function(name, {**parameters, **SAID.get(name, {})}, of)


def score(name: str) -> Callable[[GrowthPool], Work]:
    """Return what scores every item with a function, into a file."""

    def make(pool: GrowthPool) -> Work:
        opened = Opened.of(pool)

        def run() -> object:
            evaluation = Evaluation(opened.supply(), Path.cwd(), pool.total)
            evaluate(evaluation, [function(name)], report)
            return evaluation

        return run

    return make


def report(done: int) -> None:
    """Hear how far a pass is."""
    del done


def order(pool: GrowthPool) -> Work:
    """Order the scores both ways, and publish the ranking."""
    scores = np.load(pool.home / "drawn.npy")

    def run() -> object:
        with pool.files.staging("growth") as staged:
            outcome = Outcome(entropy(), descending(scores), scores)
            write_ranking(outcome, staged, pool.total)
            pool.files.publish(staged, "ordered")
        pool.files.remove("ordered")
        return None

    return run


def both_orders(pool: GrowthPool) -> Work:
    """Order the scores both ways, and write nothing."""
    scores = np.load(pool.home / "drawn.npy")
    return lambda: ascending(scores, descending(scores))


def read(pool: GrowthPool) -> Work:
    """Read the top of a ranking past a set that holds a tenth of the pool."""
    backend = stored(pool)
    return lambda: rankings.read(backend, "ranking", Query(n=READ, exclude_sets=("seen",)))


def read_past_ids(pool: GrowthPool) -> Work:
    """Read the top of a ranking past some ids that the request names."""
    backend = stored(pool)
    chosen = np.linspace(0, pool.total - 1, min(NAMED, pool.total)).astype(np.int64)
    query = Query(n=READ, exclude=tuple(map(str, chosen.tolist())))
    return lambda: rankings.read(backend, "ranking", query)


def stored(pool: GrowthPool) -> Backend:
    """Return a backend on the server beside the pool, with its records and exclusions."""
    connection = connect(embedded.url(pool.directory.parent))
    backend = backend_on(connection, Settings(data_dir=pool.directory))
    connection.flushall()
    backend.storage.add(pool.pool)
    backend.storage.add(ranking_of(pool))
    rows = np.arange(0, pool.total, EXCLUDED)
    backend.storage.put_bits(pool.pool.id, "seen", bitmap_of(rows, pool.total).tobytes())
    few = np.arange(1, pool.total, max(2, pool.total // NAMED))
    backend.storage.put_bits(pool.pool.id, LABELLED, bitmap_of(few, pool.total).tobytes())
    return backend


def ranking_of(pool: GrowthPool) -> Ranking:
    """Return the record of the ranking that was made ready."""
    return Ranking(
        id="ranking",
        job="growth",
        pool=pool.pool.id,
        parts=(pool.part.id,),
        total=pool.total,
        ranked=pool.total,
        form="score",
        purpose="ranking",
        function=entropy().document(),
        source={},
        raw_name="entropy",
        raw_direction="higher",
        summary={},
        versions={},
        submitted_at="",
        started_at="",
    )


def pick(name: str) -> Callable[[GrowthPool], Work]:
    """Return what selects a batch from all items; the scores that it builds on are ready."""

    def make(pool: GrowthPool) -> Work:
        wanted, opened = function(name), Opened.of(pool)
        ready = Evaluation(opened.supply(), None, pool.total)
        evaluate(ready, list(wanted.scored()), report)
        everybody = np.ones(pool.total, dtype=np.bool_)

        def run() -> object:
            anew = Evaluation(opened.supply(), None, pool.total, ready.scores)
            return select(anew, wanted, everybody, PICKED.get(name, READ))

        return run

    return make


POINTWISE: dict[str, Callable[[GrowthPool], Work]] = {
    "ingest: read `.npy`": upload("features.npy", "application/x-npy"),
    "ingest: read Parquet with ids": upload("table.parquet", "application/vnd.apache.parquet"),
    "ingest: number, hash and index ids": ids,
    "scoring: predict (logistic regression)": predict,
    "scoring: entropy of ready probabilities": score("entropy"),
    "scoring: margin of ready probabilities": score("margin"),
    "ordering: both ways": both_orders,
    "ordering: both ways, and publish": order,
    "reading: top 100 past a set of a tenth": read,
    "reading: top 100 past 1,000 named ids": read_past_ids,
}
STRATEGIES = {name: pick(name) for name, entry in REGISTRY.items() if entry.kind == BATCH}
NEIGHBOURS = {
    name: score(name)
    for name in (
        "distance_to_labelled",
        "representativeness",
        "discriminative",
        "density",
        "uniqueness",
        "singularity",
    )
}
WORKS = POINTWISE | STRATEGIES | NEIGHBOURS


@contextmanager
def scratch(pool: GrowthPool) -> Iterator[None]:
    """Work in a directory of its own, which is removed."""
    path = pool.directory / "scratch"
    path.mkdir()
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
        shutil.rmtree(path)
