"""A training job: a model fitted on a pool's labels."""

from collections.abc import Mapping
from typing import Any

from service.records import Job
from workers.workbench import Workbench


def train(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Not built yet."""
    raise NotImplementedError
