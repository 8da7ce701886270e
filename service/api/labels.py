"""/v1/pools/{id}/labels"""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from flask import Response, request

from service.api import label_examples as examples
from service.api import tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.api.bodies import BLOCK
from service.api.label_files import JSON, NDJSON, WRITERS, id_in_line, read_body
from service.api.negotiation import preferred, varying
from service.errors import (
    Fault,
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    NotAcceptable,
    PoolNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
)
from service.files import STAGING, check_space
from service.operations import labels, pools
from service.schemas.labels import (
    LabelClassesSchema,
    LabelCountSchema,
    LabelPageSchema,
    PutLabelsArguments,
)
from service.schemas.paging import PageArguments

blueprint = Blueprint("labels", __name__, url_prefix="/v1/pools", description="What is labelled")


@blueprint.route("/<pool_id>/labels", methods=["PUT"])
@blueprint.arguments(PutLabelsArguments, location="query")
@blueprint.doc(requestBody=examples.PUT_LABELS_BODY)
@blueprint.response(200, LabelCountSchema, example={"labelled": 2})
@blueprint.fails(
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    PoolNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
)
def put_labels(arguments: dict[str, Any], pool_id: str) -> Response:
    """Set labels by item id; null takes one away

    Labels that are not named stay as they are, and one that is sent again, by the same source,
    keeps its time. All are set at once; where one id is unknown, or stands twice, none is. A
    labelled item is left out of every reading from the next one on.
    """
    pools.get(backend(), pool_id)
    entries, source = read_body(request, arguments.get("source"))
    at = id_in_line if request.mimetype == NDJSON else labels.in_list
    labelled = labels.put_entries(backend(), pool_id, entries, source=source, at=at)
    return dumped(LabelCountSchema, {"labelled": labelled})


@blueprint.route("/<pool_id>/labels", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, LabelPageSchema, example=examples.LABEL_PAGE)
@blueprint.doc(responses={200: {"content": examples.LABEL_FILES}})
@blueprint.fails(InvalidRequest, PoolNotFound, NotAcceptable)
def list_labels(arguments: dict[str, Any], pool_id: str) -> Response:
    """List the labels, in pool order

    JSON comes in pages. By `Accept`, CSV and NDJSON have all of them.
    """
    kind = preferred((JSON, *WRITERS))
    if kind != JSON:
        return answer_file(pool_id, kind)
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
    return varying(dumped(LabelPageSchema, answer))


def answer_file(pool_id: str, kind: str) -> Response:
    """Return all labels of a pool as a file, which is on disk before any of it is sent.

    An answer that breaks off half-way would look to its reader just like one that is complete.
    """
    faults = [Fault(f"?{name}", f"{kind} does not come in pages") for name in request.args]
    if faults:
        raise InvalidRequest("All labels come at once in this format", faults=faults)
    groups = labels.every(backend(), pool_id)
    directory = backend().files.local(STAGING)
    file = TemporaryFile(dir=directory)  # noqa: SIM115 - closed when it is sent
    try:
        for block in WRITERS[kind](groups):
            check_space(directory)
            file.write(block)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    response = Response(blocks_of(file), mimetype=kind)
    response.content_length = size
    response.call_on_close(file.close)
    return varying(response)


def blocks_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file's bytes, and close it."""
    with file:
        while block := file.read(BLOCK):
            yield block


@blueprint.route("/<pool_id>/labels/classes", methods=["GET"])
@blueprint.response(200, LabelClassesSchema, example=examples.LABEL_CLASSES)
@blueprint.fails(PoolNotFound)
def list_label_classes(pool_id: str) -> Response:
    """List the distinct labels with their counts, the most frequent first

    1 and 1.0 are one label; "1" and true are others. The counts are kept as labels are set, so that
    reading them takes no longer for a large pool.
    """
    counts = labels.classes(backend(), pool_id)
    answer = {
        "classes": labels.listed(counts),
        "distinct": counts.distinct,
        "labelled": counts.labelled,
    }
    return dumped(LabelClassesSchema, answer)


@blueprint.route("/<pool_id>/labels", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(PoolNotFound)
def delete_labels(pool_id: str) -> Response:
    """Take all labels away"""
    labels.delete(backend(), pool_id)
    return Response(status=204)
