"""How an uploaded artifact becomes a model."""

from collections.abc import Mapping
from typing import Any

from service.files import upload_name
from service.records import Job
from workers.admission import Artifact, admit
from workers.workbench import Workbench


def inspect(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Take in the artifact that stands under the job's id; return what was found in it."""
    request = job.request
    artifact = Artifact(
        path=bench.backend.files.path(upload_name(job.id)),
        format=request["format"],
        sha256=request["sha256"],
        bytes=request["bytes"],
        name=request["name"],
    )
    return {"model": admit(bench, job, artifact).document()}
