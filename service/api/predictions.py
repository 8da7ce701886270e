"""/v1/pools/{id}/predictions"""

from typing import Any

from flask import Response, request

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.api.bodies import Received
from service.api.uploads import answer_upload
from service.errors import (
    DuplicateItem,
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    PoolNotFound,
    PredictionsNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
    UploadRefused,
)
from service.operations import predictions
from service.operations.pools import Upload
from service.records import Job
from service.schemas.jobs import JobSchema
from service.schemas.paging import PageArguments
from service.schemas.predictions import (
    PredictionsArguments,
    PredictionsPageSchema,
    PredictionsSchema,
)

blueprint = Blueprint(
    "predictions",
    __name__,
    url_prefix="/v1/pools",
    description="What a client's own model says of a pool's items",
)


@blueprint.route("/<pool_id>/predictions", methods=["POST"])
@blueprint.arguments(PredictionsArguments, location="query")
@blueprint.doc(requestBody=examples.PREDICTIONS_BODY)
@blueprint.response(202, JobSchema, example=examples.RECEIVE_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.RECEIVE_DONE, success=True)
@blueprint.fails(
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    PoolNotFound,
    UnsupportedFormat,
    TooLarge,
    TooBusy,
    UploadRefused,
    DuplicateItem,
)
def upload_predictions(arguments: dict[str, Any], pool_id: str) -> Response:
    """Upload predictions of a pool's items

    A scoring takes them in place of a model. They are of all items, or of those named by id, that
    the pool has now; items that come into it later have none. Nothing is guessed: numbers that do
    not sum to one, an unknown id and a class too many are refused, and named. `Prefer: wait=n`
    waits for a worker to read them.
    """
    name = arguments.pop("name")
    predictions.check_upload(backend(), pool_id, request.mimetype, arguments)
    arguments["classes"] = arguments.pop("class") or arguments["classes"]

    def start(received: Received, job_id: str) -> Job:
        upload = Upload(request.content_type or "", received.bytes, received.sha256, arguments)
        return predictions.start_reception(backend(), pool_id, upload, job_id=job_id, name=name)

    return answer_upload(request, start)


@blueprint.route("/<pool_id>/predictions", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, PredictionsPageSchema, example=examples.PREDICTIONS_PAGE)
@blueprint.fails(InvalidRequest, PoolNotFound)
def list_predictions(arguments: dict[str, Any], pool_id: str) -> Response:
    """List a pool's predictions, the newest first"""
    question = ["predictions", pool_id]
    after = tokens.after(arguments, question)
    found, following = predictions.page(backend(), pool_id, after, arguments["page_size"])
    answer = {"predictions": found, "next_page_token": tokens.following(following, question)}
    return dumped(PredictionsPageSchema, answer)


@blueprint.route("/<pool_id>/predictions/<predictions_id>", methods=["GET"])
@blueprint.response(200, PredictionsSchema, example=examples.PREDICTIONS)
@blueprint.fails(PoolNotFound, PredictionsNotFound)
def get_predictions(pool_id: str, predictions_id: str) -> Response:
    """Read what is known of predictions"""
    return dumped(PredictionsSchema, predictions.get(backend(), pool_id, predictions_id))


@blueprint.route("/<pool_id>/predictions/<predictions_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(PoolNotFound, PredictionsNotFound)
def delete_predictions(pool_id: str, predictions_id: str) -> Response:
    """Delete predictions; rankings made with them stay"""
    predictions.delete(backend(), pool_id, predictions_id)
    return Response(status=204)
