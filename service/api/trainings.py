"""/v1/trainings"""

from flask import Response, request

from service.api import training_examples as examples
from service.api.blueprint import Blueprint, backend
from service.api.idempotency import once
from service.api.preferences import answer_submitted
from service.errors import (
    Conflict,
    InvalidRequest,
    MalformedBody,
    PoolNotFound,
    TooBusy,
    TooFewLabels,
    UnsupportedFormat,
    UnusableLabels,
)
from service.operations import trainings
from service.operations.trainings import Training
from service.schemas.jobs import JobSchema
from service.schemas.trainings import NewTrainingSchema

blueprint = Blueprint(
    "trainings", __name__, url_prefix="/v1/trainings", description="Models fitted here"
)


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewTrainingSchema, example=examples.NEW_TRAINING)
@blueprint.response(202, JobSchema, example=examples.TRAINING_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.TRAINING_DONE, success=True)
@blueprint.fails(
    InvalidRequest,
    TooFewLabels,
    UnusableLabels,
    Conflict,
    MalformedBody,
    PoolNotFound,
    UnsupportedFormat,
    TooBusy,
)
def submit_training(training: Training) -> Response:
    """Fit a model on a pool's labels

    The model is one as if it had been uploaded; it also says what it was fitted on, and how well
    it did in cross-validation. The labels are those that stand when the job begins. `Prefer:
    wait=n` waits up to n seconds for the result.
    """

    def carry_out(id: str) -> Response:
        return answer_submitted(request, trainings.submit(backend(), training, id))

    return once(request, training, carry_out)
