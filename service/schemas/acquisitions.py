"""The catalogue of acquisition functions on the wire."""

from marshmallow import Schema, fields, validate

from service.acquisition import Acquisition
from service.acquisition.evidence import EVIDENCE, REQUEST
from service.acquisition.registry import (
    AGGREGATION,
    BATCH,
    COMPOSITION,
    RANKING,
    RELABELLING,
    SCORE,
)
from service.operations.questions import forms_for

USES = ("unused", "used")


def visible(entry: Acquisition) -> list[str]:
    """Return the evidence that somebody has to give, not what a request or the service does."""
    return [need for need in entry.needs if EVIDENCE[need].source != REQUEST]


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
        lambda entry: {need: EVIDENCE[need].says for need in visible(entry)},
        required=True,
        metadata={
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "What it looks at, by name, and what that is",
        },
    )
    prediction_kinds = fields.Function(
        forms_for,
        required=True,
        metadata={
            "type": "array",
            "items": {"type": "string"},
            "description": "Kinds of predictions of which any one will do; none where it needs"
            " none. A model gives `probs`; a forest or a committee gives `members`",
        },
    )
    needs_features = fields.Boolean(required=True)
    labels = fields.Function(
        lambda entry: "required" if entry.requires_labels else USES[entry.uses_labels],
        required=True,
        metadata={
            "type": "string",
            "enum": ["required", *USES],
            "description": "Whether the pool's labels are needed, used where there are any, or not",
        },
    )
    of = fields.Function(
        lambda entry: {"minimum": entry.of[0], "maximum": entry.of[1]},
        required=True,
        metadata={
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "How many functions `of` may name. A batch strategy that builds on none"
            " takes one only to choose among its best, with `candidates`",
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
