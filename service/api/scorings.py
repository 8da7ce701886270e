"""/v1/scorings"""

from typing import Any

from flask import Response, request

from service.api import examples
from service.api.blueprint import Blueprint, backend
from service.api.idempotency import once
from service.api.preferences import answer_submitted
from service.errors import (
    Conflict,
    InvalidRequest,
    MalformedBody,
    ModelNotFound,
    PoolNotFound,
    TooBusy,
    UnsupportedFormat,
)
from service.operations import scorings
from service.schemas.acquisitions import NewScoringSchema
from service.schemas.jobs import JobSchema

blueprint = Blueprint("scorings", __name__, url_prefix="/v1/scorings", description="Scoring jobs")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewScoringSchema, example=examples.NEW_SCORING)
@blueprint.response(202, JobSchema, example=examples.SCORING_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.SCORING_DONE, success=True)
@blueprint.fails(
    InvalidRequest, Conflict, MalformedBody, PoolNotFound, ModelNotFound, UnsupportedFormat, TooBusy
)
def submit_scoring(body: dict[str, Any]) -> Response:
    """Score every item of a pool

    What cannot work is refused here: an unknown function, features that do not fit the model, a
    model without probabilities. Each function makes one ranking; they share one pass of the model.
    `Prefer: wait=n` waits up to n seconds for the result.
    """

    def carry_out() -> Response:
        job = scorings.submit(
            backend(),
            pool_id=body["pool"],
            model_id=body["model"],
            functions=body["acquisitions"],
        )
        return answer_submitted(request, job)

    return once(request, body, carry_out)
