"""/v1/models"""

from typing import Any

from flask import Response, request

from service.api import examples, tokens
from service.api.access import require
from service.api.blueprint import Blueprint, backend, dumped
from service.api.bodies import Received
from service.api.uploads import answer_upload
from service.errors import (
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    ModelNotFound,
    ModelRefused,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import models
from service.records import ADMIN, MODELS, Job
from service.schemas.jobs import JobSchema
from service.schemas.models import ModelArguments, ModelPageSchema, ModelSchema
from service.schemas.paging import PageArguments

blueprint = Blueprint(
    "models", __name__, url_prefix="/v1/models", description="What predicts", scope=MODELS
)


@blueprint.route("", methods=["POST"])
@blueprint.arguments(ModelArguments, location="query")
@blueprint.doc(requestBody=examples.MODEL_BODY)
@blueprint.response(202, JobSchema, example=examples.INSPECT_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.INSPECT_DONE, success=True)
@blueprint.fails(
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    UnsupportedFormat,
    TooLarge,
    TooBusy,
    ModelRefused,
)
def upload_model(arguments: dict[str, Any]) -> Response:
    """Upload a model's artifact

    A worker opens it, confined, and tells what it is. The model's id is the SHA-256 of the bytes:
    sending the same file again gives the same model. `Prefer: wait=n` waits for the inspection.
    """
    models.check_format(backend(), arguments["format"])
    if arguments["format"] in models.RUNNING_CODE:
        require(ADMIN)
    if request.mimetype == "multipart/form-data":
        raise UnsupportedFormat(
            "Send the artifact itself as the body, not a form: curl --data-binary @model.skops"
        )

    def start(received: Received, job_id: str) -> Job:
        return models.start_inspection(
            backend(),
            job_id=job_id,
            sha256=received.sha256,
            bytes=received.bytes,
            format=arguments["format"],
            name=arguments["name"],
        )

    return answer_upload(request, start)


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, ModelPageSchema, example=examples.MODEL_PAGE)
@blueprint.fails(InvalidRequest)
def list_models(arguments: dict[str, Any]) -> Response:
    """List the models, the newest first"""
    after = tokens.after(arguments, "models")
    found, following = models.page(backend(), after, arguments["page_size"])
    answer = {"models": found, "next_page_token": tokens.following(following, "models")}
    return dumped(ModelPageSchema, answer)


@blueprint.route("/<model_id>", methods=["GET"])
@blueprint.response(200, ModelSchema, example=examples.MODEL)
@blueprint.fails(ModelNotFound)
def get_model(model_id: str) -> Response:
    """Read what was found in a model"""
    return dumped(ModelSchema, models.get(backend(), model_id))


@blueprint.route("/<model_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(ModelNotFound)
def delete_model(model_id: str) -> Response:
    """Delete a model and its predictions; rankings made with it stay"""
    models.delete(backend(), model_id)
    return Response(status=204)
