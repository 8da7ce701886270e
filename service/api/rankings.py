"""/v1/rankings"""

import hashlib
from typing import Any

import orjson
from flask import Response, request

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped, place_of
from service.api.negotiation import preferred, varying
from service.api.reading_examples import READING_FILES
from service.api.reading_files import DOCUMENTS, WRITERS, headers
from service.errors import (
    ExclusionSetNotFound,
    Fault,
    InvalidRequest,
    MalformedBody,
    NotAcceptable,
    RankingNotFound,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import rankings
from service.operations.rankings import Reading
from service.records import READ
from service.schemas.paging import PoolPageArguments
from service.schemas.rankings import (
    QuerySchema,
    RankingPageSchema,
    RankingSchema,
    ReadingArguments,
    ReadingSchema,
    query_of,
)

blueprint = Blueprint("rankings", __name__, url_prefix="/v1/rankings", description="Results")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PoolPageArguments, location="query")
@blueprint.response(200, RankingPageSchema, example=examples.RANKING_PAGE)
@blueprint.fails(InvalidRequest)
def list_rankings(arguments: dict[str, Any]) -> Response:
    """List the rankings, all or a pool's, the newest first"""
    question = ["rankings", arguments["pool"]]
    after = tokens.after(arguments, question)
    found, following = rankings.page(backend(), after, arguments["page_size"], arguments["pool"])
    answer = {"rankings": found, "next_page_token": tokens.following(following, question)}
    return dumped(RankingPageSchema, answer)


@blueprint.route("/<ranking_id>", methods=["GET"])
@blueprint.response(200, RankingSchema, example=examples.RANKING)
@blueprint.fails(RankingNotFound)
def get_ranking(ranking_id: str) -> Response:
    """Read what a ranking is and where it came from"""
    return dumped(RankingSchema, rankings.get(backend(), ranking_id))


@blueprint.route("/<ranking_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(RankingNotFound)
def delete_ranking(ranking_id: str) -> Response:
    """Delete a ranking"""
    rankings.delete(backend(), ranking_id)
    return Response(status=204)


@blueprint.route("/<ranking_id>/items", methods=["GET"])
@blueprint.arguments(ReadingArguments, location="query")
@blueprint.response(200, ReadingSchema, example=examples.READING)
@blueprint.doc(responses={200: READING_FILES})
@blueprint.fails(InvalidRequest, RankingNotFound, ExclusionSetNotFound, NotAcceptable)
def read_ranking(arguments: dict[str, Any], ranking_id: str) -> Response:
    """Read the top n of a ranking, less what is excluded

    By `Accept`, a long reading comes smaller and faster by columns: as JSON, `.npy`, Arrow or CSV.
    """
    return read(ranking_id, arguments)


@blueprint.route("/<ranking_id>/query", methods=["POST"], scope=READ)
@blueprint.arguments(QuerySchema, example=examples.QUERY)
@blueprint.response(200, ReadingSchema, example=examples.READING)
@blueprint.doc(responses={200: READING_FILES})
@blueprint.fails(
    InvalidRequest,
    MalformedBody,
    NotAcceptable,
    RankingNotFound,
    ExclusionSetNotFound,
    TooLarge,
    UnsupportedFormat,
)
def query_ranking(arguments: dict[str, Any], ranking_id: str) -> Response:
    """Read a ranking with long exclusion lists and metadata filters

    By `Accept` in the same forms as without.
    """
    return read(ranking_id, arguments)


def read(ranking_id: str, arguments: dict[str, Any]) -> Response:
    """Return what a reading asks for. A page token belongs to everything but the page's length."""
    kind = preferred(tuple(WRITERS))
    check_n(arguments["n"])
    asked = {name: said for name, said in arguments.items() if name not in ("n", "page_token")}
    question = ["ranking", ranking_id, asked]
    query = query_of(arguments, start=tokens.start(arguments, question))
    return answer(rankings.read(backend(), ranking_id, query), kind, question)


def check_n(n: int) -> None:
    """Raise InvalidRequest for more rows than one answer may have."""
    limit = backend().settings.max_page
    if n > limit:
        raise InvalidRequest(
            f"An answer has at most {limit} rows (max_page): ask for pages",
            faults=[Fault(place_of("n"), f"{n} is more than {limit}")],
        )


def answer(reading: Reading, kind: str, question: Any) -> Response:
    """Return a reading in one of its forms."""
    envelope = {
        "ranking": reading.ranking.id,
        "total": reading.ranking.total,
        "ranked": reading.ranking.ranked,
        "eligible": reading.eligible,
        "excluded": reading.excluded,
        "returned": len(reading.columns),
        "unknown_ids": reading.unknown,
        "next_page_token": tokens.following(reading.following, question),
    }
    response = Response(WRITERS[kind](reading.columns, envelope), content_type=kind)
    if kind not in DOCUMENTS:
        response.headers.update(headers(envelope))
    if request.method == "GET":
        response.set_etag(fingerprint(reading, [kind, question, envelope]))
    return varying(response)


def fingerprint(reading: Reading, said: Any) -> str:
    """Return a name for an answer, shorter to make than from the answer itself.

    A ranking never changes: which places of it are told, and how, says all.
    """
    digest = hashlib.sha256(orjson.dumps(said, default=str))
    digest.update(reading.columns.ranks.tobytes())
    return digest.hexdigest()[:40]
