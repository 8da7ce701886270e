"""/v1/pools/{id}/exclusions"""

from typing import Any

from flask import Response

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.errors import (
    Conflict,
    ExclusionSetNotFound,
    Fault,
    InvalidRequest,
    MalformedBody,
    PoolNotFound,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import exclusions
from service.schemas.fields import NAME
from service.schemas.marks import (
    ChangeExclusionsSchema,
    ExclusionChangeSchema,
    ExclusionMembersSchema,
    ExclusionSetsSchema,
    PutExclusionsSchema,
)
from service.schemas.paging import PageArguments

blueprint = Blueprint(
    "exclusions", __name__, url_prefix="/v1/pools", description="What readings leave out"
)


@blueprint.route("/<pool_id>/exclusions", methods=["GET"])
@blueprint.response(200, ExclusionSetsSchema, example=examples.EXCLUSION_SETS)
@blueprint.fails(PoolNotFound)
def list_exclusion_sets(pool_id: str) -> Response:
    """List a pool's exclusion sets and their sizes"""
    return dumped(ExclusionSetsSchema, {"exclusions": exclusions.listing(backend(), pool_id)})


@blueprint.route("/<pool_id>/exclusions/<name>", methods=["PUT"])
@blueprint.arguments(PutExclusionsSchema, example={"ids": ["frame-1", "frame-7"]})
@blueprint.response(200, ExclusionChangeSchema, example=examples.EXCLUSION_CHANGE)
@blueprint.fails(InvalidRequest, MalformedBody, PoolNotFound, Conflict, TooLarge, UnsupportedFormat)
def put_exclusion_set(body: dict[str, Any], pool_id: str, name: str) -> Response:
    """Make or replace an exclusion set"""
    change = exclusions.put(backend(), pool_id, checked(name), body["ids"])
    return dumped(ExclusionChangeSchema, change)


@blueprint.route("/<pool_id>/exclusions/<name>", methods=["PATCH"])
@blueprint.arguments(ChangeExclusionsSchema, example={"add": ["frame-9"], "remove": ["frame-1"]})
@blueprint.response(200, ExclusionChangeSchema, example=examples.EXCLUSION_CHANGE)
@blueprint.fails(InvalidRequest, MalformedBody, PoolNotFound, Conflict, TooLarge, UnsupportedFormat)
def change_exclusion_set(body: dict[str, Any], pool_id: str, name: str) -> Response:
    """Add ids to an exclusion set, made if it is new, and take ids out of it"""
    change = exclusions.change(
        backend(), pool_id, checked(name), add=body["add"], remove=body["remove"]
    )
    return dumped(ExclusionChangeSchema, change)


@blueprint.route("/<pool_id>/exclusions/<name>", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, ExclusionMembersSchema, example=examples.EXCLUSION_MEMBERS)
@blueprint.fails(InvalidRequest, PoolNotFound, ExclusionSetNotFound)
def get_exclusion_set(arguments: dict[str, Any], pool_id: str, name: str) -> Response:
    """List the ids of an exclusion set, in pool order"""
    question = ["exclusions", pool_id, name]
    start = tokens.start(arguments, question)
    ids, size, following = exclusions.members(
        backend(), pool_id, name, start=start, limit=arguments["page_size"]
    )
    answer = {
        "name": name,
        "ids": ids,
        "size": size,
        "next_page_token": tokens.following(following, question),
    }
    return dumped(ExclusionMembersSchema, answer)


@blueprint.route("/<pool_id>/exclusions/<name>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(PoolNotFound, ExclusionSetNotFound, Conflict)
def delete_exclusion_set(pool_id: str, name: str) -> Response:
    """Delete an exclusion set"""
    exclusions.delete(backend(), pool_id, name)
    return Response(status=204)


def checked(name: str) -> str:
    """Return a set's name; raise InvalidRequest for one that could not stand in a URL."""
    if not NAME.fullmatch(name):
        detail = "must have 1 to 64 letters, digits, dots, dashes and underscores"
        raise InvalidRequest("The set cannot have this name", faults=[Fault("name", detail)])
    return name
