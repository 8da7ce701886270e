"""Jobs on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from service.operations.job_views import JobView
from service.records import STATES
from service.schemas.paging import next_page_token
from service.schemas.problems import ProblemSchema

POLL_AFTER = 1


class ProgressSchema(Schema):
    """How far a job has come."""

    done = fields.Integer(
        required=True, metadata={"description": "Items done; of a simulation, rounds"}
    )
    total = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Items in all; null: not known"}
    )
    remaining_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "For how long it may go on, at the pace it has had; null: not known, or"
            " it does not run"
        },
    )


class JobSchema(Schema):
    """One request for work, under one id for life."""

    id = fields.String(required=True, attribute="job.id")
    task = fields.String(required=True, attribute="job.task")
    state = fields.String(required=True, attribute="job.state", validate=validate.OneOf(STATES))
    reason = fields.Method(
        "reason_of", metadata={"type": ["string", "null"], "description": "Why it failed: a code"}
    )
    progress = fields.Nested(ProgressSchema, allow_none=True)
    queue_position = fields.Integer(
        allow_none=True, metadata={"description": "Jobs before it in the queue, while it waits"}
    )
    attempts = fields.Integer(required=True, attribute="job.attempts")
    poll_after = fields.Method(
        "poll_after_of",
        metadata={
            "type": ["integer", "null"],
            "description": "Seconds to wait before asking again",
        },
    )
    request = fields.Dict(required=True, attribute="job.request")
    created_at = fields.String(required=True, attribute="job.created_at")
    started_at = fields.String(allow_none=True, attribute="job.started_at")
    finished_at = fields.String(allow_none=True, attribute="job.finished_at")
    result = fields.Dict(allow_none=True, attribute="job.result")
    error = fields.Nested(ProblemSchema, allow_none=True, attribute="job.error")
    links = fields.Method("links_of", metadata={"type": "object"})

    def reason_of(self, view: JobView) -> str | None:
        """Return the code of the error, if there is one."""
        return view.job.error["code"] if view.job.error else None

    def poll_after_of(self, view: JobView) -> int | None:
        """Return how long a client shall wait before it asks again."""
        return None if view.job.is_final else POLL_AFTER

    def links_of(self, view: JobView) -> dict[str, Any]:
        """Return where the job and what it made are found."""
        result = view.job.result or {}
        links: dict[str, Any] = {"self": f"/v1/jobs/{view.job.id}"}
        if not view.job.is_final:
            links["cancel"] = f"/v1/jobs/{view.job.id}/cancel"
        if view.job.pool:
            links["pool"] = f"/v1/pools/{view.job.pool}"
        if view.job.task == "inspect" and result:
            links["model"] = f"/v1/models/{view.job.model}"
        if view.job.task == "train" and result:
            links["model"] = f"/v1/models/{result['model']['id']}"
        if view.job.task == "receive" and result:
            links["predictions"] = f"{links['pool']}/predictions/{result['predictions']}"
        if view.job.task == "simulate" and result:
            links["simulation"] = f"/v1/simulations/{result['simulation']}"
            links["rounds"] = f"{links['simulation']}/rounds"
            links["curves"] = f"{links['simulation']}/curves"
        if view.job.task == "teach":
            links |= links_of_turn(view.job.request["learner"], result)
        rankings = result.get("rankings", ())
        if rankings:
            links["rankings"] = [f"/v1/rankings/{ranking['id']}" for ranking in rankings]
            links["items"] = [f"/v1/rankings/{ranking['id']}/items" for ranking in rankings]
        return links


def links_of_turn(learner: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a learner is found, and what its turn has made."""
    links: dict[str, Any] = {"learner": f"/v1/learners/{learner}"}
    if result.get("model"):
        links["model"] = f"/v1/models/{result['model']}"
    if result.get("ranking"):
        links["rankings"] = [f"/v1/rankings/{result['ranking']}"]
        links["items"] = [f"/v1/rankings/{result['ranking']}/items"]
    return links


class JobPageSchema(Schema):
    """Jobs, the newest first."""

    jobs = fields.List(fields.Nested(JobSchema), required=True)
    next_page_token = next_page_token()
