"""/v1/scorings"""

from typing import Any

from flask import Response, request

from service.api import examples
from service.api.blueprint import Blueprint, backend, dumped
from service.api.idempotency import once
from service.api.preferences import answer_submitted
from service.errors import (
    Conflict,
    ExclusionSetNotFound,
    InvalidRequest,
    MalformedBody,
    ModelNotFound,
    PoolNotFound,
    PredictionsNotFound,
    TooBusy,
    UnsupportedFormat,
)
from service.operations import scorings
from service.operations.scorings import Scoring
from service.schemas.jobs import JobSchema
from service.schemas.scorings import NewScoringSchema, PlanSchema, ScoringArguments

blueprint = Blueprint("scorings", __name__, url_prefix="/v1/scorings", description="Scoring jobs")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewScoringSchema, example=examples.NEW_SCORING)
@blueprint.arguments(ScoringArguments, location="query")
@blueprint.response(202, JobSchema, example=examples.SCORING_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.SCORING_DONE, success=True)
@blueprint.alt_response(200, schema=PlanSchema, example=examples.PLAN, success=True)
@blueprint.fails(
    InvalidRequest,
    Conflict,
    MalformedBody,
    PoolNotFound,
    ModelNotFound,
    PredictionsNotFound,
    ExclusionSetNotFound,
    UnsupportedFormat,
    TooBusy,
)
def submit_scoring(scoring: Scoring, arguments: dict[str, Any]) -> Response:
    """Score every item of a pool, or select a batch

    What cannot work is refused here: an unknown function, features that do not fit the model,
    evidence that nothing in the request gives, more work than is allowed. Each function makes one
    ranking; they share one pass of the model. `validate_only` says what is wrong and starts
    nothing. `Prefer: wait=n` waits up to n seconds for the result.
    """
    if arguments["validate_only"]:
        return dumped(PlanSchema, scorings.validate(backend(), scoring))

    def carry_out(id: str) -> Response:
        return answer_submitted(request, scorings.submit(backend(), scoring, id))

    return once(request, scoring, carry_out)
