"""Decisions: labels that the annotators of items have come to, on their way into the pool."""

from collections.abc import Sequence

from service.backend import Backend
from service.records import Labelling, Pool, now


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
