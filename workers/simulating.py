"""A simulation job: active learning replayed on a labelled pool."""

from collections.abc import Mapping
from typing import Any

from service.records import Job
from workers.workbench import Workbench


def simulate(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Not built yet."""
    raise NotImplementedError
