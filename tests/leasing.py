"""A pool and rankings of it as files and records alone: no worker made them."""

import numpy as np

from service.acquisition import REGISTRY
from service.files import ranking_name
from service.functions import Function
from service.operations import pools
from service.ranking import ascending, descending
from service.records import Ranking, new_id
from tests.unit.test_pools import arrival


def pool_of(backend, ids):
    """Make a pool of some ids; return its id."""
    made = pools.create(backend, "leased")
    pools.append(backend, made.id, arrival(backend, made, *ids))
    return made.id


def ranking_of(backend, pool_id, scores):
    """Make a ranking of all items of a pool; return its id."""
    pool, id = pools.get(backend, pool_id), new_id()
    scores = np.asarray(scores, dtype=np.float64)
    entry, order = REGISTRY["margin"], descending(scores)
    with backend.files.staging("t") as staged:
        for name, array in {
            "scores": scores,
            "order": order,
            "order_ascending": ascending(scores, order),
        }.items():
            np.save(staged / f"{name}.npy", array)
        backend.files.publish(staged, ranking_name(id))
    ranking = Ranking(
        id=id,
        job=new_id(),
        pool=pool.id,
        parts=tuple(part.id for part in pool.parts),
        total=pool.total,
        ranked=pool.total,
        form=entry.kind,
        purpose=entry.purpose,
        function=Function("margin", {}).document(),
        source={},
        raw_name=entry.raw_name,
        raw_direction=entry.raw_direction,
        summary={},
        versions={},
        submitted_at="2026",
        started_at="2026",
    )
    backend.storage.add(ranking)
    return id
