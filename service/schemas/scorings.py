"""What is to be scored, on the wire."""

from typing import Any

import marshmallow
from marshmallow import Schema, fields, post_load, validate

from service.operations.scorings import Batch, Scoring
from service.schemas.fields import Boolean, Ids, Integer, QueryBoolean
from service.schemas.functions import Functions
from service.schemas.rankings import MOST_SETS, WhereField, conditions
from service.schemas.requests import Request

DEFAULT_BATCH = 100
MOST_MODELS = 100


class BatchSchema(Request):
    """How many a batch strategy selects, and what it must leave out."""

    n = Integer(
        load_default=DEFAULT_BATCH,
        validate=validate.Range(min=0),
        metadata={"description": "How many items; fewer where fewer are left"},
    )
    excluded = Ids(
        data_key="exclude",
        load_default=list,
        metadata={"description": "Item ids that are not to be selected"},
    )
    exclude_sets = fields.List(
        fields.String(),
        load_default=list,
        validate=validate.Length(max=MOST_SETS),
        metadata={"description": "Exclusion sets that are not to be selected from"},
    )
    include_labelled = Boolean(
        load_default=False, metadata={"description": "Whether labelled items may be selected"}
    )
    where = WhereField(load_default=dict, metadata={"description": "As in a query of a ranking"})

    @post_load
    def value(self, data: dict[str, Any], **options: Any) -> Batch:
        """Return what was asked as a value."""
        del options
        return Batch(
            n=data["n"],
            exclude=tuple(data["excluded"]),
            exclude_sets=tuple(dict.fromkeys(data["exclude_sets"])),
            include_labelled=data["include_labelled"],
            where=conditions(data["where"]),
        )


class NewScoringSchema(Request):
    """What is to be scored, and how."""

    pool = fields.String(required=True, metadata={"description": "A pool's id"})
    model = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "A model's id: what is scored by its predictions"},
    )
    committee = fields.List(
        fields.String(),
        load_default=list,
        validate=validate.Length(2, MOST_MODELS),
        metadata={"description": "Several models' ids instead: what they disagree on"},
    )
    predictions = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "The id of predictions that were uploaded, instead of a model"},
    )
    annotations = fields.String(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The id of predictions of the kind `votes`: several annotators' labels,"
            " for functions that need `annotations`; by default the pool's labels are one annotator"
        },
    )
    acquisitions = Functions(
        required=True,
        validate=validate.Length(min=1),
        metadata={"description": "Functions to compute; they share one pass of the model"},
    )
    batch = fields.Nested(
        BatchSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "Needed by batch strategies: their selections are made for it"},
    )

    @post_load
    def value(self, data: dict[str, Any], **options: Any) -> Scoring:
        """Return what was asked as a value; refuse predictions from two sources."""
        del options
        given = [name for name in ("model", "committee", "predictions") if data[name]]
        if len(given) > 1:
            raise marshmallow.ValidationError(
                f"Name one source of predictions; there is already `{given[0]}`.", given[1]
            )
        functions = tuple(data.pop("acquisitions"))
        return Scoring(**{**data, "functions": functions, "committee": tuple(data["committee"])})


class ScoringArguments(Request):
    """What is to be done with the request."""

    validate_only = QueryBoolean(
        load_default=False,
        metadata={"description": "Only say what is wrong, and start nothing"},
    )


class PlanSchema(Schema):
    """What a scoring would do, that was found to be valid and not begun."""

    valid = fields.Constant(True, required=True)
    pool = fields.String(required=True, attribute="pool.id")
    total = fields.Integer(required=True, attribute="pool.total")
    acquisitions = fields.Function(
        lambda question: [function.document() for function in question.functions],
        required=True,
        metadata={
            "type": "array",
            "items": {"type": "object"},
            "description": "As they would be computed, every parameter filled in",
        },
    )
