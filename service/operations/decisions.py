"""Decisions: labels that the annotators of items have come to, on their way into the pool."""

from collections.abc import Sequence

from service.backend import Backend
from service.records import Labelling, Pool, now

PAGE = 1_000


def settle(backend: Backend, pool: Pool, rows: Sequence[int]) -> None:
    """Put the labels that annotators have decided on, of some rows; their source is who said them.

    A decision is kept beside the leases until this is done, so that none is lost with a process.
    """
    found = backend.leases.decisions(pool.id, rows)
    if not found:
        return
    time = now()
    backend.labels.put(
        pool.id,
        {
            row: Labelling(decision.label, ", ".join(decision.annotators), time)
            for row, decision in found.items()
        },
    )
    backend.leases.forget_decisions(pool.id, list(found))


def settle_abandoned(backend: Backend) -> None:
    """Put the labels of all pools whose process died before it could."""
    after = None
    while True:
        found, after = backend.storage.page(Pool, after, PAGE)
        for pool in found:
            if not pool.deleted:
                settle(backend, pool, backend.leases.abandoned(pool.id))
        if after is None:
            return
