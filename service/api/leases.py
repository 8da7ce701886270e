"""/v1/leases, and the leases of rankings and pools"""

from typing import Any

from flask import Response, request

from service.api import lease_examples as examples
from service.api import tokens
from service.api.blueprint import Blueprint, backend, dumped, json_answer
from service.api.idempotency import once
from service.errors import (
    Conflict,
    ExclusionSetNotFound,
    InvalidRequest,
    LeaseNotFound,
    MalformedBody,
    PoolNotFound,
    RankingNotFound,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import annotations, leases
from service.operations.leases import Demand, Handout
from service.records import Lease
from service.schemas.leases import (
    AnnotationPageSchema,
    CompleteLeaseSchema,
    HandoutSchema,
    LeaseCompletionSchema,
    LeasePageSchema,
    LeaseReleaseSchema,
    LeaseSchema,
    NewLeaseSchema,
    ReleaseLeaseSchema,
    RenewLeaseSchema,
)
from service.schemas.paging import PageArguments

blueprint = Blueprint(
    "leases", __name__, url_prefix="/v1", description="Items handed to annotators for a while"
)


@blueprint.route("/rankings/<ranking_id>/leases", methods=["POST"])
@blueprint.arguments(NewLeaseSchema, example=examples.NEW_LEASE)
@blueprint.response(201, HandoutSchema, example=examples.HANDOUT)
@blueprint.alt_response(200, schema=HandoutSchema, example=examples.NOTHING_LEFT, success=True)
@blueprint.fails(
    InvalidRequest,
    Conflict,
    MalformedBody,
    RankingNotFound,
    PoolNotFound,
    ExclusionSetNotFound,
    TooLarge,
    UnsupportedFormat,
)
def take_lease(demand: Demand, ranking_id: str) -> Response:
    """Hand the next items of a ranking to an annotator

    The best that nobody else has: while the lease lasts, no other lease of the pool gets them,
    through any of its rankings. With `overlap` each item goes to so many annotators, and never
    twice to the same. Where nothing is to be had the answer is 200, without a lease; `held` says
    whether it is worth asking again.
    """

    def carry_out(_: str) -> Response:
        return answer(leases.take(backend(), ranking_id, demand))

    return once(request, demand, carry_out)


@blueprint.route("/leases/<lease_id>", methods=["GET"])
@blueprint.response(200, LeaseSchema, example=examples.LEASE)
@blueprint.fails(LeaseNotFound)
def get_lease(lease_id: str) -> Response:
    """Read a lease and the items that it holds"""
    return json_answer(lease_document(leases.get(backend(), lease_id)))


@blueprint.route("/leases/<lease_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(LeaseNotFound, Conflict)
def delete_lease(lease_id: str) -> Response:
    """Give back all that a lease holds"""
    leases.release(backend(), lease_id, None)
    return Response(status=204)


@blueprint.route("/leases/<lease_id>/renew", methods=["POST"])
@blueprint.arguments(RenewLeaseSchema, example={"seconds": 900})
@blueprint.response(200, LeaseSchema, example=examples.LEASE)
@blueprint.fails(InvalidRequest, Conflict, MalformedBody, LeaseNotFound, UnsupportedFormat)
def renew_lease(body: dict[str, Any], lease_id: str) -> Response:
    """Let a lease end some seconds from now"""

    def carry_out(_: str) -> Response:
        return json_answer(lease_document(leases.renew(backend(), lease_id, body["seconds"])))

    return once(request, body, carry_out)


@blueprint.route("/leases/<lease_id>/complete", methods=["POST"])
@blueprint.arguments(CompleteLeaseSchema, example=examples.COMPLETE_LEASE)
@blueprint.response(200, LeaseCompletionSchema, example=examples.COMPLETION)
@blueprint.fails(
    InvalidRequest, Conflict, MalformedBody, LeaseNotFound, PoolNotFound, UnsupportedFormat
)
def complete_lease(body: dict[str, Any], lease_id: str) -> Response:
    """Complete items of a lease, with or without labels

    All are taken, or none. What is completed goes to the same annotator no more. Once as many
    have completed an item as its overlap says, what most of them said is its label, and of what
    equally many said that which was said first. A lease that ran out takes no labels.
    """

    def carry_out(_: str) -> Response:
        done, count = annotations.complete(backend(), lease_id, body["labels"], body["items"])
        answer = {
            "id": lease_id,
            "completed": count,
            "labelled": done.labelled,
            "held": done.held,
            "expires_at": done.expires_at,
        }
        return dumped(LeaseCompletionSchema, answer)

    return once(request, body, carry_out)


@blueprint.route("/leases/<lease_id>/release", methods=["POST"])
@blueprint.arguments(ReleaseLeaseSchema, example={"items": ["frame-1"]})
@blueprint.response(200, LeaseReleaseSchema, example=examples.RELEASE)
@blueprint.fails(InvalidRequest, Conflict, MalformedBody, LeaseNotFound, UnsupportedFormat)
def release_lease(body: dict[str, Any], lease_id: str) -> Response:
    """Give back items of a lease, some or all"""

    def carry_out(_: str) -> Response:
        outcome = leases.release(backend(), lease_id, body["items"])
        answer = {
            "id": lease_id,
            "released": outcome.released,
            "held": outcome.held,
            "expires_at": outcome.expires_at,
        }
        return dumped(LeaseReleaseSchema, answer)

    return once(request, body, carry_out)


@blueprint.route("/pools/<pool_id>/leases", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, LeasePageSchema, example=examples.LEASE_PAGE)
@blueprint.fails(InvalidRequest, PoolNotFound)
def list_leases(arguments: dict[str, Any], pool_id: str) -> Response:
    """List the leases of a pool that hold items, the newest first"""
    question = ["leases", pool_id]
    after = tokens.after(arguments, question)
    found, following = leases.page(backend(), pool_id, after, arguments["page_size"])
    answer = {"leases": found, "next_page_token": tokens.following(following, question)}
    return dumped(LeasePageSchema, answer)


@blueprint.route("/pools/<pool_id>/annotations", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, AnnotationPageSchema, example=examples.ANNOTATION_PAGE)
@blueprint.fails(InvalidRequest, PoolNotFound)
def list_annotations(arguments: dict[str, Any], pool_id: str) -> Response:
    """List what each annotator said of each item, the oldest first"""
    question = ["annotations", pool_id]
    start = tokens.start(arguments, question)
    found, total, following = annotations.page(
        backend(), pool_id, start=start, limit=arguments["page_size"]
    )
    answer = {
        "annotations": found,
        "total": total,
        "next_page_token": tokens.following(following, question),
    }
    return dumped(AnnotationPageSchema, answer)


def answer(handout: Handout) -> Response:
    """Return what was handed out: 201 with a lease, or 200 without one."""
    lease = handout.lease
    response = json_answer(
        {
            **lease_document(lease),
            "id": lease.id if lease.items else None,
            "returned": len(lease.items),
            "eligible": handout.eligible,
            "available": handout.available,
            "held": handout.held,
            "unknown_ids": handout.unknown,
        },
        201 if lease.items else 200,
    )
    if lease.items:
        response.headers["Location"] = f"/v1/leases/{lease.id}"
    return response


def lease_document(lease: Lease) -> dict[str, Any]:
    """Return a lease as plain values; a field per number would take most of the time."""
    return {
        "id": lease.id,
        "pool": lease.pool,
        "ranking": lease.ranking,
        "annotator": lease.annotator,
        "overlap": lease.overlap,
        "created_at": lease.created_at,
        "expires_at": lease.expires_at,
        "items": list(lease.items.values()),
    }
