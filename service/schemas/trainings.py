"""Trainings on the wire: what is asked, and what a model says of its own."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from service.operations.trainings import DEFAULT_FOLDS, MOST_FOLDS, Training
from service.schemas.estimators import RecipeField
from service.schemas.fields import Integer
from service.schemas.requests import Request

NAME_LENGTH = 200
LARGEST_SEED = 2**32 - 1


class NewTrainingSchema(Request):
    """What is to be fitted, on which pool's labels."""

    pool = fields.String(required=True, metadata={"description": "A pool's id"})
    recipe = RecipeField(
        required=True,
        data_key="estimator",
        metadata={"description": "An estimator, and what stands before it"},
    )
    folds = Integer(
        load_default=DEFAULT_FOLDS,
        validate=validate.Range(0, MOST_FOLDS),
        metadata={
            "description": "Folds of cross-validation, none where it is 0 or 1; no more than the"
            " rarest class has labels"
        },
    )
    seed = Integer(
        load_default=0,
        validate=validate.Range(0, LARGEST_SEED),
        metadata={"description": "What is drawn at random, is drawn by it"},
    )
    name = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "The model's, for people; need not be unique"},
    )

    @post_load
    def value(self, data: dict[str, Any], **options: Any) -> Training:
        """Return what was asked as a value."""
        del options
        return Training(**data)


class ClassCountSchema(Schema):
    """A class, and how many items are labelled with it."""

    label = fields.Raw(
        required=True,
        metadata={"description": "A string, whole number or boolean"},
    )
    count = fields.Integer(required=True)


class AccuracySchema(Schema):
    """The part of the labels that cross-validation told right."""

    mean = fields.Float(required=True)
    deviation = fields.Float(
        required=True, metadata={"description": "The standard deviation over the folds"}
    )
    folds = fields.List(fields.Float(), required=True)


class LeftOutSchema(Schema):
    """What a training did without, and why."""

    labels = fields.Integer(
        required=True,
        metadata={"description": "Labelled items of parts that came after the job was submitted"},
    )
    folds = fields.Integer(
        required=True, metadata={"description": "Folds that were asked for and not made"}
    )
    reasons = fields.List(fields.String(), required=True)


class TrainingSchema(Schema):
    """How a model was fitted."""

    pool = fields.String(required=True)
    job = fields.String(required=True)
    recipe = RecipeField(required=True, data_key="estimator")
    seed = fields.Integer(required=True)
    labels = fields.Integer(
        required=True, metadata={"description": "How many labelled items it was fitted on"}
    )
    class_counts = fields.List(fields.Nested(ClassCountSchema), required=True)
    accuracy = fields.Nested(
        AccuracySchema,
        required=True,
        allow_none=True,
        metadata={"description": "Cross-validated; null where there were no folds"},
    )
    left_out = fields.Nested(LeftOutSchema, required=True)
    warnings = fields.List(
        fields.String(), required=True, metadata={"description": "What scikit-learn warned of"}
    )
