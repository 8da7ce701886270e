"""/v1/rankings"""

from typing import Any

from flask import Response

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped, json_answer, place_of
from service.errors import (
    ExclusionSetNotFound,
    Fault,
    InvalidRequest,
    MalformedBody,
    RankingNotFound,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import rankings
from service.operations.rankings import Reading, Row
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
    return dumped(RankingPageSchema(), answer)


@blueprint.route("/<ranking_id>", methods=["GET"])
@blueprint.response(200, RankingSchema, example=examples.RANKING)
@blueprint.fails(RankingNotFound)
def get_ranking(ranking_id: str) -> Response:
    """Read what a ranking is and where it came from"""
    return dumped(RankingSchema(), rankings.get(backend(), ranking_id))


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
@blueprint.fails(InvalidRequest, RankingNotFound, ExclusionSetNotFound)
def read_ranking(arguments: dict[str, Any], ranking_id: str) -> Response:
    """Read the top n of a ranking, less what is excluded"""
    return read(ranking_id, arguments)


@blueprint.route("/<ranking_id>/query", methods=["POST"])
@blueprint.arguments(QuerySchema, example=examples.QUERY)
@blueprint.response(200, ReadingSchema, example=examples.READING)
@blueprint.fails(
    InvalidRequest,
    MalformedBody,
    RankingNotFound,
    ExclusionSetNotFound,
    TooLarge,
    UnsupportedFormat,
)
def query_ranking(arguments: dict[str, Any], ranking_id: str) -> Response:
    """Read a ranking with long exclusion lists and metadata filters"""
    return read(ranking_id, arguments)


def read(ranking_id: str, arguments: dict[str, Any]) -> Response:
    """Return what a reading asks for. A page token belongs to everything but the page's length."""
    check_n(arguments["n"])
    asked = {name: said for name, said in arguments.items() if name not in ("n", "page_token")}
    question = ["ranking", ranking_id, asked]
    query = query_of(arguments, start=tokens.start(arguments, question))
    return answer(rankings.read(backend(), ranking_id, query), question)


def check_n(n: int) -> None:
    """Raise InvalidRequest for more rows than one answer may have."""
    limit = backend().settings.max_page
    if n > limit:
        raise InvalidRequest(
            f"An answer has at most {limit} rows (max_page): ask for pages",
            faults=[Fault(place_of("n"), f"{n} is more than {limit}")],
        )


def answer(reading: Reading, question: Any) -> Response:
    """Return a reading; plain values, because a field per number would take most of the time."""
    return json_answer(
        {
            "ranking": reading.ranking.id,
            "items": [row_document(row) for row in reading.items],
            "total": reading.ranking.total,
            "ranked": reading.ranking.ranked,
            "eligible": reading.eligible,
            "excluded": reading.excluded,
            "returned": len(reading.items),
            "unknown_ids": reading.unknown,
            "next_page_token": tokens.following(reading.following, question),
        }
    )


def row_document(row: Row) -> dict[str, Any]:
    """Return one item of an answer; the original is told only where it is one's copy."""
    said = {"rank": row.rank, "id": row.id, "score": row.score, "raw_score": row.raw_score}
    return said if row.original is None else {**said, "original": row.original}
