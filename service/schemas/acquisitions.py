"""The catalogue of acquisition functions on the wire."""

from marshmallow import Schema, fields, validate

from service.acquisition.evidence import EVIDENCE
from service.acquisition.registry import (
    AGGREGATION,
    BATCH,
    COMPOSITION,
    RANKING,
    RELABELLING,
    SCORE,
)


class AcquisitionSchema(Schema):
    """All that a client needs to know of an acquisition function, also to build a form."""

    name = fields.String(required=True)
    aliases = fields.List(fields.String(), required=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf([SCORE, AGGREGATION, COMPOSITION, BATCH]),
        metadata={"description": "A score per item, or an ordered selection (batch)"},
    )
    purpose = fields.String(
        required=True,
        validate=validate.OneOf([RANKING, RELABELLING]),
        metadata={"description": "What to label next, or which label to look at again"},
    )
    summary = fields.String(required=True)
    description = fields.String(required=True)
    use = fields.String(required=True, metadata={"description": "When to use it"})
    avoid = fields.String(required=True, metadata={"description": "When not to"})
    formula = fields.String(required=True)
    reference = fields.String(required=True)
    needs = fields.Function(
        lambda entry: {need: EVIDENCE[need].says for need in entry.needs},
        required=True,
        metadata={
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Evidence by name, and what it is",
        },
    )
    needs_predictions = fields.Boolean(
        required=True, metadata={"description": "A model, a committee or uploaded predictions"}
    )
    needs_features = fields.Boolean(required=True)
    needs_labels = fields.Boolean(required=True)
    of = fields.Function(
        lambda entry: {"minimum": entry.of[0], "maximum": entry.of[1]},
        required=True,
        metadata={
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "How many functions it builds on, named in `of`",
        },
    )
    builds_on = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The function it builds on where `of` names none"},
    )
    prefix_consistent = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether a smaller batch is the beginning of a larger one"},
    )
    raw_name = fields.String(required=True, metadata={"description": "What raw_score is"})
    raw_direction = fields.String(
        required=True,
        validate=validate.OneOf(["higher", "lower"]),
        metadata={"description": "Which raw_score is labelled sooner; of score it is the higher"},
    )
    parameters = fields.Function(
        lambda entry: entry.parameters_schema(),
        metadata={"type": "object", "description": "A JSON Schema"},
    )


class AcquisitionsSchema(Schema):
    """Every acquisition function."""

    acquisitions = fields.List(fields.Nested(AcquisitionSchema), required=True)
