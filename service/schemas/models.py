"""Models on the wire."""

from marshmallow import Schema, fields, validate

from service.operations.models import FORMATS
from service.schemas.paging import next_page_token
from service.schemas.requests import Request
from service.schemas.trainings import TrainingSchema

NAME_LENGTH = 200


class ModelArguments(Request):
    """What an artifact is."""

    format = fields.String(
        required=True,
        error_messages={"required": f"Say which: {', '.join(FORMATS)}."},
        metadata={
            "description": "onnx or skops; joblib where the operator allows it",
            "enum": list(FORMATS),
        },
    )
    name = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "For people; need not be unique"},
    )


class ModelSchema(Schema):
    """An immutable artifact and what was found in it."""

    id = fields.String(required=True, metadata={"description": "SHA-256 of the artifact"})
    name = fields.String(required=True)
    format = fields.String(required=True)
    bytes = fields.Integer(required=True)
    estimator = fields.String(required=True)
    classes = fields.List(
        fields.Raw(metadata={"description": "A string, number or boolean"}),
        required=True,
        metadata={"description": "In the order of the probabilities"},
    )
    item_values = fields.Integer(
        allow_none=True, required=True, metadata={"description": "Features it takes of an item"}
    )
    item_shape = fields.List(fields.Integer(), allow_none=True, required=True)
    probabilities = fields.Boolean(
        required=True, metadata={"description": "Whether it gives class probabilities"}
    )
    members = fields.Integer(
        allow_none=True,
        required=True,
        metadata={
            "description": "Members of a model that is a committee, such as the trees of a forest"
        },
    )
    warnings = fields.List(fields.String(), required=True)
    versions = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    training = fields.Nested(
        TrainingSchema,
        required=True,
        allow_none=True,
        metadata={"description": "How it was fitted; null where it was uploaded"},
    )
    created_at = fields.String(required=True)


class ModelPageSchema(Schema):
    """Models, the newest first."""

    models = fields.List(fields.Nested(ModelSchema), required=True)
    next_page_token = next_page_token()
