"""/v1/learners"""

import time
from itertools import chain
from typing import Any

from flask import Response, request

from service.api import learner_examples as examples
from service.api import tokens
from service.api.blueprint import Blueprint, backend, dumped, json_answer
from service.api.idempotency import once
from service.api.preferences import answer_job, answer_submitted, applied, granted, location_of
from service.api.rankings import check_n
from service.api.reading_files import documents
from service.errors import (
    Conflict,
    ExclusionSetNotFound,
    InvalidRequest,
    LearnerNotFound,
    MalformedBody,
    PoolNotFound,
    RankingNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import learners, queries, stopping
from service.operations.learners import NewLearner
from service.operations.queries import Answer
from service.records import Job
from service.schemas.jobs import JobSchema
from service.schemas.learners import (
    HistorySchema,
    LearnerAnswerSchema,
    LearnerPageSchema,
    LearnerQuerySchema,
    LearnerSchema,
    NewLearnerSchema,
    TeachSchema,
    query_of,
)
from service.schemas.paging import PoolPageArguments

blueprint = Blueprint(
    "learners", __name__, url_prefix="/v1/learners", description="What is queried and taught"
)


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewLearnerSchema, example=examples.NEW_LEARNER)
@blueprint.response(201, LearnerSchema, example=examples.LEARNER_MADE)
@blueprint.fails(
    InvalidRequest, Conflict, MalformedBody, PoolNotFound, TooBusy, TooLarge, UnsupportedFormat
)
def create_learner(asked: NewLearner) -> Response:
    """Tie a pool, an estimator and a function together

    A first turn begins at once: with labels of two classes it fits the estimator, asks the model
    about every item and ranks them by the function; without, it ranks them by `cold_start`.
    `Prefer: wait=n` waits up to n seconds for its ranking.
    """

    check_n(asked.batch)

    def carry_out(id: str) -> Response:
        learner = learners.create(backend(), asked, id)
        with granted(request) as seconds:
            deadline = time.monotonic() + (seconds or 0)
            learner = queries.up_to_date(backend(), learner.id, deadline)
        response = dumped(LearnerSchema, learners.view(backend(), learner), 201)
        response.headers["Location"] = f"/v1/learners/{learner.id}"
        return applied(response, seconds)

    return once(request, asked, carry_out)


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PoolPageArguments, location="query")
@blueprint.response(200, LearnerPageSchema, example=examples.LEARNER_PAGE)
@blueprint.fails(InvalidRequest)
def list_learners(arguments: dict[str, Any]) -> Response:
    """List the learners, all or a pool's, the newest first"""
    question = ["learners", arguments["pool"]]
    after = tokens.after(arguments, question)
    found, following = learners.page(backend(), after, arguments["page_size"], arguments["pool"])
    answer = {
        "learners": [learners.view(backend(), each) for each in found],
        "next_page_token": tokens.following(following, question),
    }
    return dumped(LearnerPageSchema, answer)


@blueprint.route("/<learner_id>", methods=["GET"])
@blueprint.response(200, LearnerSchema, example=examples.LEARNER)
@blueprint.fails(LearnerNotFound)
def get_learner(learner_id: str) -> Response:
    """Read where a learner stands: its turn, whether a newer one comes, whether to stop"""
    return dumped(LearnerSchema, learners.view(backend(), learners.get(backend(), learner_id)))


@blueprint.route("/<learner_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(LearnerNotFound)
def delete_learner(learner_id: str) -> Response:
    """Delete a learner with its rankings, and cancel its turns

    The models that it fitted stay, and so do the pool and its labels.
    """
    learners.delete(backend(), learner_id)
    return Response(status=204)


@blueprint.route("/<learner_id>/query", methods=["POST"])
@blueprint.arguments(LearnerQuerySchema, example=examples.QUERY)
@blueprint.response(200, LearnerAnswerSchema, example=examples.ANSWER)
@blueprint.alt_response(202, schema=JobSchema, example=examples.TEACH_JOB, success=True)
@blueprint.fails(
    InvalidRequest,
    Conflict,
    MalformedBody,
    LearnerNotFound,
    RankingNotFound,
    ExclusionSetNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
)
def query_learner(arguments: dict[str, Any], learner_id: str) -> Response:
    """Ask what to label next, and what the model says of it now

    Answered from the last turn that has a ranking, less what is labelled or excluded since.
    `Prefer: wait=n` waits up to n seconds for a newer turn that is on its way; before the first
    one there is no answer but a 409. A batch that was not selected for what is asked is selected
    anew: 202 with the job that does it, after which the same query finds it.
    """
    learner = learners.get(backend(), learner_id)
    n = learner.batch if arguments["n"] is None else arguments["n"]
    check_n(n)
    with granted(request) as seconds:
        found = queries.query(backend(), learner_id, query_of(arguments, n), seconds or 0)
    if isinstance(found, Job):
        response = answer_job(found, status=202)
        response.headers["Location"] = location_of(found)
        return applied(response, seconds)
    return applied(answer(found), seconds)


def answer(found: Answer) -> Response:
    """Return an answer; plain values, because a field per number would take most of the time."""
    reading = found.reading
    items = [
        {**said, "label": guess and guess[0], "probability": guess and guess[1]}
        for said, guess in zip(
            chain.from_iterable(documents(reading.columns)), found.guesses, strict=True
        )
    ]
    return json_answer(
        {
            "learner": found.learner.id,
            "turn": found.turn.number,
            "model": found.model,
            "ranking": reading.ranking.id,
            "items": items,
            "returned": len(items),
            "eligible": reading.eligible,
            "excluded": reading.excluded,
            "unknown_ids": reading.unknown,
            "updating": found.updating,
        }
    )


@blueprint.route("/<learner_id>/teach", methods=["POST"])
@blueprint.arguments(TeachSchema, example=examples.TEACH)
@blueprint.response(202, JobSchema, example=examples.TEACH_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.TEACH_DONE, success=True)
@blueprint.fails(
    InvalidRequest,
    Conflict,
    MalformedBody,
    LearnerNotFound,
    PoolNotFound,
    TooBusy,
    TooLarge,
    UnsupportedFormat,
)
def teach_learner(body: dict[str, Any], learner_id: str) -> Response:
    """Store labels and learn from all there are

    Where one id is unknown none is stored. What was shown and is not named here stays unlabelled:
    nothing is taken as right because it was not corrected. A turn that waits already will see the
    labels, so that no second one is made; `Prefer: wait=n` waits up to n seconds for its end.
    """

    def carry_out(_: str) -> Response:
        job = learners.teach(backend(), learner_id, body["labels"], body["source"])
        return answer_submitted(request, job)

    return once(request, body, carry_out)


@blueprint.route("/<learner_id>/history", methods=["GET"])
@blueprint.response(200, HistorySchema, example=examples.HISTORY)
@blueprint.fails(LearnerNotFound)
def get_learner_history(learner_id: str) -> Response:
    """Read all turns of a learner, and whether more labels still change anything"""
    learner = learners.get(backend(), learner_id)
    told = {
        "learner": learner.id,
        "turns": learner.turns,
        "stopping": stopping.advise(learner.turns),
    }
    return dumped(HistorySchema, told)
