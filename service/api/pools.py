"""/v1/pools"""

from typing import Any

from flask import Response, request

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.api.bodies import Received
from service.api.idempotency import once
from service.api.uploads import answer_upload
from service.errors import (
    DuplicateItem,
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    PartNotFound,
    PoolNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
    UploadRefused,
)
from service.operations import pools
from service.records import Job
from service.schemas.jobs import JobSchema
from service.schemas.paging import PageArguments
from service.schemas.pools import (
    ItemPageSchema,
    NewPoolSchema,
    PartSchema,
    PoolPageSchema,
    PoolSchema,
    UploadArguments,
)

blueprint = Blueprint("pools", __name__, url_prefix="/v1/pools", description="Items to rank")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewPoolSchema, example={"name": "street scenes"})
@blueprint.response(201, PoolSchema, example=examples.EMPTY_POOL)
@blueprint.fails(InvalidRequest, MalformedBody, UnsupportedFormat)
def create_pool(body: dict[str, Any]) -> Response:
    """Make an empty pool"""

    def carry_out(id: str) -> Response:
        pool = pools.create(backend(), body["name"], id)
        response = dumped(PoolSchema, pool, 201)
        response.headers["Location"] = f"/v1/pools/{pool.id}"
        return response

    return once(request, body, carry_out)


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, PoolPageSchema, example=examples.POOL_PAGE)
@blueprint.fails(InvalidRequest)
def list_pools(arguments: dict[str, Any]) -> Response:
    """List the pools, the newest first"""
    after = tokens.after(arguments, "pools")
    found, following = pools.page(backend(), after, arguments["page_size"])
    answer = {"pools": found, "next_page_token": tokens.following(following, "pools")}
    return dumped(PoolPageSchema, answer)


@blueprint.route("/<pool_id>", methods=["GET"])
@blueprint.response(200, PoolSchema, example=examples.POOL)
@blueprint.fails(PoolNotFound)
def get_pool(pool_id: str) -> Response:
    """Read a pool and its parts"""
    return dumped(PoolSchema, pools.get(backend(), pool_id))


@blueprint.route("/<pool_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(PoolNotFound)
def delete_pool(pool_id: str) -> Response:
    """Delete a pool with its items, labels, exclusion sets, leases, predictions and rankings"""
    pools.delete(backend(), pool_id)
    return Response(status=204)


@blueprint.route("/<pool_id>/parts/<part_id>", methods=["GET"])
@blueprint.response(200, PartSchema, example=examples.PART)
@blueprint.fails(PoolNotFound, PartNotFound)
def get_part(pool_id: str, part_id: str) -> Response:
    """Read one part of a pool"""
    return dumped(PartSchema, pools.get_part(backend(), pool_id, part_id))


@blueprint.route("/<pool_id>/items", methods=["POST"])
@blueprint.arguments(UploadArguments, location="query")
@blueprint.doc(requestBody=examples.UPLOAD_BODY)
@blueprint.response(202, JobSchema, example=examples.INGEST_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.INGEST_DONE, success=True)
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
def upload_items(arguments: dict[str, Any], pool_id: str) -> Response:
    """Append a part to a pool

    The body is kept as it is and read by a worker. The part enters the pool wholly or not at all;
    the finished job tells its rows, shape, type and SHA-256. `Prefer: wait=n` waits for that.
    """
    pools.check_upload(backend(), pool_id, request.mimetype)

    def start(received: Received, job_id: str) -> Job:
        upload = pools.Upload(
            request.content_type or "", received.bytes, received.sha256, arguments
        )
        return pools.start_ingest(backend(), pool_id, upload, job_id=job_id)

    return answer_upload(request, start)


@blueprint.route("/<pool_id>/items", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, ItemPageSchema, example=examples.ITEM_PAGE)
@blueprint.fails(InvalidRequest, PoolNotFound)
def list_items(arguments: dict[str, Any], pool_id: str) -> Response:
    """List a pool's items with their metadata, in pool order"""
    question = ["items", pool_id]
    start = tokens.start(arguments, question)
    found, total, following = pools.items(backend(), pool_id, start, arguments["page_size"])
    answer = {
        "items": found,
        "total": total,
        "next_page_token": tokens.following(following, question),
    }
    return dumped(ItemPageSchema, answer)
