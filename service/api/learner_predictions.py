"""/v1/learners/{id}/predictions"""

import re
from typing import Any

from flask import Response

from service.api import learner_examples as examples
from service.api import tokens
from service.api.blueprint import Blueprint, backend, json_answer
from service.errors import (
    Conflict,
    InvalidRequest,
    LearnerNotFound,
    MalformedBody,
    TooLarge,
    UnsupportedFormat,
)
from service.operations import learner_predictions
from service.operations.learner_predictions import Outputs, likeliest
from service.records import READ
from service.schemas.learner_predictions import OutputArguments, OutputQuerySchema, OutputsSchema

blueprint = Blueprint(
    "learner_predictions", __name__, url_prefix="/v1/learners", description="What learners predict"
)

POSITION = re.compile(r"([0-9]{1,16}):([0-9]{1,16})")


@blueprint.route("/<learner_id>/predictions", methods=["GET"])
@blueprint.arguments(OutputArguments, location="query")
@blueprint.response(200, OutputsSchema, example=examples.OUTPUTS)
@blueprint.fails(InvalidRequest, LearnerNotFound, Conflict)
def read_learner_predictions(arguments: dict[str, Any], learner_id: str) -> Response:
    """Read what the model of the last turn says of every item, in pool order

    All pages are of the turn that the first one is of, also where a newer one comes meanwhile.
    """
    question = ["learner predictions", learner_id]
    number, start = position_of(arguments["page_token"], question)
    found = learner_predictions.page(
        backend(), learner_id, number=number, start=start, limit=arguments["page_size"]
    )
    following = None if found.following is None else f"{found.turn.number}:{found.following}"
    return answer(found, tokens.following(following, question))


@blueprint.route("/<learner_id>/predictions/query", methods=["POST"], scope=READ)
@blueprint.arguments(OutputQuerySchema, example={"ids": ["frame-512"]})
@blueprint.response(200, OutputsSchema, example=examples.SOME_OUTPUTS)
@blueprint.fails(
    InvalidRequest, MalformedBody, LearnerNotFound, Conflict, TooLarge, UnsupportedFormat
)
def query_learner_predictions(body: dict[str, Any], learner_id: str) -> Response:
    """Read what the model of the last turn says of some items, by id"""
    return answer(learner_predictions.some(backend(), learner_id, body["ids"]), None)


def position_of(token: str | None, question: Any) -> tuple[int | None, int]:
    """Return the turn and the row that a page token leads to; no turn for the beginning."""
    if token is None:
        return None, 0
    found = POSITION.fullmatch(tokens.redeem(token, question, str))
    if found is None:
        raise tokens.refusal("This is no page token of this service")
    return int(found[1]), int(found[2])


def answer(found: Outputs, following: str | None) -> Response:
    """Return predictions; plain values, because a field per number would take most of the time."""
    items = [
        {"id": id, "label": label, "probability": probability, "probabilities": probs}
        for id, (label, probability), probs in zip(
            found.ids, likeliest(found.model, found.probs), found.probs.tolist(), strict=True
        )
    ]
    return json_answer(
        {
            "learner": found.learner.id,
            "turn": found.turn.number,
            "model": found.model.id,
            "classes": found.model.classes,
            "items": items,
            "returned": len(items),
            "total": found.total,
            "unknown_ids": found.unknown,
            "next_page_token": following,
        }
    )
