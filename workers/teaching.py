"""A turn of a learner: fit on the labels, predict, rank, and say how it went."""

from collections.abc import Mapping
from typing import Any

from service.records import Job
from workers.workbench import Workbench


def teach(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Not built yet."""
    raise NotImplementedError
