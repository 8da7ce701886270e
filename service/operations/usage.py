"""What a workspace's files take, and whether more fits in.

It is counted from the files themselves, so that no crash and no deletion makes it untrue. A count
is remembered for a while, and what comes in meanwhile is added to it; before anything is refused it
is counted again, unless that was done a moment ago.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

from service.backend import Backend
from service.errors import TooLarge
from service.files import size
from service.records import ACTIVE, Job

TALLY, COUNTED = "bytes", "bytes were counted"
SECONDS_REMEMBERED = 600
SECONDS_BETWEEN_COUNTS = 2
SHARE = 1 / 20
"""How much of the time may be spent on counting, at the most."""
LONGEST_COUNT = 60
"""Seconds for which nobody else counts while somebody does."""

RANKED_BYTES = 16
"""What a ranking takes for each item: its score, and its place in the order."""

FROM_UPLOADS = frozenset({"ingest", "receive", "inspect"})
"""Tasks that put what they read in the place of an upload."""


@dataclass(frozen=True)
class Usage:
    """What a workspace uses of what is limited: jobs that have not ended, and bytes of files."""

    jobs: int
    bytes: int


def usage(backend: Backend) -> Usage:
    """Return what a workspace uses now."""
    return Usage(jobs=backend.storage.count(Job, ACTIVE), bytes=counted(backend))


def counted(backend: Backend) -> int:
    """Return how many bytes the files take, counted a moment ago at the earliest."""
    known = backend.storage.tally(TALLY)
    lately = backend.storage.remember(COUNTED, {}, LONGEST_COUNT) is not None
    if known is not None and lately:
        return known
    began = time.monotonic()
    found = backend.files.size()
    pause = max(SECONDS_BETWEEN_COUNTS, math.ceil((time.monotonic() - began) / SHARE))
    backend.storage.put_tally(TALLY, found, SECONDS_REMEMBERED)
    backend.storage.overwrite(COUNTED, {}, pause)
    return found


def count_again(backend: Backend) -> None:
    """Have the files counted when next it matters: some were deleted."""
    backend.storage.forget(COUNTED)


def room(backend: Backend, wanted: int) -> int:
    """Return how many bytes are left; raise TooLarge where so many do not fit in."""
    limit, known = backend.settings.max_workspace_bytes, backend.storage.tally(TALLY)
    if known is None or known + wanted > limit:
        known = counted(backend)
    if known + wanted > limit:
        raise TooLarge(
            f"The files of this workspace take {known} of {limit} bytes (max_workspace_bytes), and"
            f" {max(wanted, 0)} more do not fit in: delete pools, predictions, rankings or models"
            " that are no longer needed"
        )
    return limit - known


def left_by(job: Job) -> int:
    """Return how many bytes a job will leave at the least; an upload's body has been counted."""
    if job.task in FROM_UPLOADS:
        return 0
    rankings = len(job.request.get("acquisitions", ()))
    return max(1, RANKED_BYTES * (job.total or 0) * rankings)


def claim(backend: Backend, wanted: int) -> None:
    """Count so many bytes more as taken; raise TooLarge where they do not fit in."""
    room(backend, wanted)
    backend.storage.add_to_tally(TALLY, wanted)


def take_in(backend: Backend, came: int) -> None:
    """Count a body that has come to disk; raise TooLarge where others took its room meanwhile."""
    backend.storage.add_to_tally(TALLY, came)
    room(backend, 0)


def claim_for(backend: Backend, staged: Path, *, instead_of: int = 0) -> None:
    """Claim room for what is about to be published, in the place of so many bytes that go."""
    claim(backend, size(staged) - instead_of)
