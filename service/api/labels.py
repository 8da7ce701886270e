"""/v1/pools/{id}/labels"""

from typing import Any

from flask import Response

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.errors import (
    InvalidRequest,
    MalformedBody,
    PoolNotFound,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import labels
from service.schemas.marks import LabelCountSchema, LabelPageSchema, PutLabelsSchema
from service.schemas.paging import PageArguments

blueprint = Blueprint("labels", __name__, url_prefix="/v1/pools", description="What is labelled")


@blueprint.route("/<pool_id>/labels", methods=["PUT"])
@blueprint.arguments(PutLabelsSchema, example=examples.PUT_LABELS)
@blueprint.response(200, LabelCountSchema, example={"labelled": 2})
@blueprint.fails(InvalidRequest, MalformedBody, PoolNotFound, TooLarge, UnsupportedFormat)
def put_labels(body: dict[str, Any], pool_id: str) -> Response:
    """Set labels by item id; null takes one away

    Labels that are not named stay as they are. Where one id is unknown, none is set. A labelled
    item is left out of every reading from the next one on.
    """
    labelled = labels.put(backend(), pool_id, body["labels"])
    return dumped(LabelCountSchema(), {"labelled": labelled})


@blueprint.route("/<pool_id>/labels", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, LabelPageSchema, example=examples.LABEL_PAGE)
@blueprint.fails(InvalidRequest, PoolNotFound)
def list_labels(arguments: dict[str, Any], pool_id: str) -> Response:
    """List the labels, in pool order"""
    question = ["labels", pool_id]
    start = tokens.start(arguments, question)
    found, total, following = labels.page(
        backend(), pool_id, start=start, limit=arguments["page_size"]
    )
    answer = {
        "labels": found,
        "total": total,
        "next_page_token": tokens.following(following, question),
    }
    return dumped(LabelPageSchema(), answer)


@blueprint.route("/<pool_id>/labels", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(PoolNotFound)
def delete_labels(pool_id: str) -> Response:
    """Take all labels away"""
    labels.delete(backend(), pool_id)
    return Response(status=204)
