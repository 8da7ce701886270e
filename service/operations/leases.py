"""Leases: the next items of a ranking for one annotator, for a time.

What is held belongs to the pool: an item leased through one ranking is not handed out through
another. The storage decides, in one step, who has what; here the ranking is walked past what is
known to be gone, and candidates are offered in its order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service import ranking
from service.backend import Backend
from service.errors import Conflict, Fault, InvalidRequest, LeaseNotFound
from service.operations import decisions, exclusions, pools, rankings
from service.operations.labels import NAMED_FAULTS
from service.operations.left_out import LeftOut
from service.operations.rankings import Query
from service.ranking import Bitmap
from service.records import (
    LABELLED,
    Completion,
    Document,
    Lease,
    LeaseSummary,
    Pool,
    Ranking,
    Release,
    Standing,
    new_id,
)

SPARE = 64
"""Candidates offered beyond those asked for: others may take some at the same moment."""
MORE = 8
"""How many times as many are offered when that was not enough."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What an annotator asks for: the first `query.n` items of a reading, for some seconds."""

    annotator: str
    seconds: int
    overlap: int
    query: Query


@dataclass(frozen=True)
class Handout:
    """A lease just taken, which is None where nothing was to be had, and how things stood.

    Of the items that the query does not leave out, the `eligible`, the annotator could have been
    given the `available`, and somebody held the `held`.
    """

    lease: Lease
    eligible: int
    available: int
    held: int
    unknown: tuple[str, ...]


def take(backend: Backend, ranking_id: str, demand: Demand) -> Handout:
    """Hand the next items of a ranking to an annotator; the lease is kept if it holds any.

    Each attempt offers more candidates, until the storage finds enough or has seen all there are.
    """
    check_limits(backend, demand.query.n, demand.seconds)
    found = rankings.get(backend, ranking_id)
    pool = pools.get(backend, found.pool)
    decisions.settle(backend, pool, backend.leases.abandoned(pool.id))
    out = rankings.left_out_by(backend, pool, found, demand.query)
    lease = Lease(
        id=new_id(),
        pool=pool.id,
        ranking=found.id,
        annotator=demand.annotator,
        overlap=demand.overlap,
    )
    offered = demand.query.n + SPARE
    while True:
        standing = backend.leases.standing(pool.id, demand.annotator, demand.overlap)
        blocked = out.rows | unavailable(backend, pool, found, standing)
        page = ranking.walk(rankings.order_of(backend, found), blocked, start=0, n=offered)
        taken = backend.leases.take(
            lease,
            candidates(backend, pool, found, page),
            n=demand.query.n,
            seconds=demand.seconds,
            labelled_too=demand.query.include_labelled,
            all_there_are=page.following is None,
            most=backend.settings.max_leases,
        )
        if taken is not None:
            pools.check_still_there(backend, pool)
            return handout(found, taken, out, standing, blocked)
        offered *= MORE


def check_limits(backend: Backend, n: int, seconds: int) -> None:
    """Raise InvalidRequest for more items, or more time, than a lease may have."""
    limits = backend.settings
    faults = [
        Fault(pointer, f"{asked} is more than {most} ({limit})")
        for pointer, asked, most, limit in (
            ("/n", n, limits.max_lease_items, "max_lease_items"),
            ("/seconds", seconds, limits.max_lease_seconds, "max_lease_seconds"),
        )
        if asked > most
    ]
    if faults:
        raise InvalidRequest(f"A lease has limits: {faults[0].detail}", faults=faults)


def unavailable(backend: Backend, pool: Pool, found: Ranking, standing: Standing) -> Bitmap:
    """Return the rows of a ranking that nothing is to be had of by an annotator.

    What was completed is in force until it is decided, and then as long as the item is labelled.
    """
    closed, full, own, decided = (
        ranking.fitted(bitmap, found.total)
        for bitmap in (standing.closed, standing.full, standing.own, standing.decided)
    )
    labelled = ranking.cut(exclusions.bitmap(backend, pool, LABELLED), found.total)
    return closed | ((full | own) & ~(decided & ~labelled))


def candidates(
    backend: Backend, pool: Pool, found: Ranking, page: ranking.Page
) -> dict[int, Document]:
    """Return rows in the order of a ranking, each with what a reading says of the item."""
    said = rankings.columns_of(backend, pool, found, page, ascending=False).rows()
    documents = (
        {name: value for name, value in vars(row).items() if value is not None} for row in said
    )
    return dict(zip(page.rows.tolist(), documents, strict=True))


def handout(
    found: Ranking, lease: Lease, out: LeftOut, standing: Standing, blocked: Bitmap
) -> Handout:
    """Return a lease just taken with how things stood."""
    held = ranking.fitted(standing.held, found.total) & ~out.rows
    return Handout(
        lease,
        eligible=found.total - out.size,
        available=found.total - ranking.count(blocked),
        held=ranking.count(held),
        unknown=out.unknown,
    )


def get(backend: Backend, id: str) -> Lease:
    """Return a lease that holds items; raise LeaseNotFound where it has ended."""
    lease = remembered(backend, id)
    if lease.ended:
        raise over(lease)
    return lease


def remembered(backend: Backend, id: str) -> Lease:
    """Return a lease, for a day also one that has ended."""
    lease = backend.leases.get(id)
    if lease is None or pools.find(backend, lease.pool) is None:
        raise LeaseNotFound(f"There is no lease {id}")
    return lease


def over(lease: Lease) -> LeaseNotFound:
    """Return the error for a lease that has ended."""
    return LeaseNotFound(
        f"The lease {lease.id} {lease.ended or 'has ended'}: what it held may be another's by now,"
        " and nothing of the request was carried out"
    )


def page(
    backend: Backend, pool_id: str, after: str | None, limit: int
) -> tuple[list[LeaseSummary], str | None]:
    """Return the leases of a pool that hold items, the newest first, and where to go on."""
    return backend.leases.page(pools.get(backend, pool_id).id, after, limit)


def renew(backend: Backend, id: str, seconds: int) -> Lease:
    """Let a lease end some seconds from now."""
    check_limits(backend, 0, seconds)
    lease = get(backend, id)
    expires_at = backend.leases.renew(lease, seconds)
    if expires_at is None:
        raise over(replace(lease, ended="ran out"))
    return replace(lease, expires_at=expires_at)


def release(backend: Backend, id: str, items: Sequence[str] | None) -> Release:
    """Give back items of a lease, or all; raise, and give back none, where it holds one not."""
    lease = get(backend, id)
    rows = list(lease.items) if items is None else rows_of(lease.items, items, "/items/{}")
    outcome = backend.leases.release(lease, rows, new_id())
    if outcome is None:
        raise over(backend.leases.get(id) or lease)
    check_none_refused(lease, outcome)
    return outcome


def rows_of(held: Mapping[int, Document], ids: Sequence[str], pointer: str) -> list[int]:
    """Return the rows of ids that a lease holds; raise InvalidRequest for others."""
    places = {said["id"]: row for row, said in held.items()}
    faults = [
        Fault(pointer.format(place), f"{id!r} is not in the lease")
        for place, id in enumerate(ids)
        if id not in places
    ]
    if faults:
        raise InvalidRequest(
            f"The lease does not hold {len(faults)} of the items; nothing was changed",
            faults=faults[:NAMED_FAULTS],
        )
    return list(dict.fromkeys(places[id] for id in ids))


def check_none_refused(lease: Lease, outcome: Completion | Release) -> None:
    """Raise Conflict for items that had been completed otherwise, or given back, before."""
    if not outcome.refused:
        return
    known = {**lease.completed, **lease.items}
    names = [known[row]["id"] for row in outcome.refused[:NAMED_FAULTS]]
    raise Conflict(
        f"The lease {lease.id} no longer holds {', '.join(map(repr, names))}: completed already,"
        " or given back; nothing was changed"
    )
