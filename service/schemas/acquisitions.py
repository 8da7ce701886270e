"""Acquisition functions on the wire: every schema here is made from the registry."""

from typing import Any

import marshmallow
from marshmallow import Schema, fields, validate

from service.acquisition import REGISTRY, Acquisition, Parameter
from service.operations.scorings import Function
from service.schemas.fields import Boolean, Integer, Number
from service.schemas.requests import Request

KINDS: dict[type, type[fields.Field[Any]]] = {
    int: Integer,
    float: Number,
    bool: Boolean,
    str: fields.String,
}


def parameters_schema(entry: Acquisition) -> type[Schema]:
    """Return the schema of one function's parameters."""
    members: dict[str, Any] = {p.name: parameter_field(p) for p in entry.parameters}
    name = "".join(word.title() for word in entry.name.split("_"))
    return type(f"{name}ParametersSchema", (Request,), members)


def parameter_field(parameter: Parameter) -> fields.Field[Any]:
    """Return the field of one parameter, with its bounds and default."""
    tunable = parameter.tunable
    bounds: list[Any] = []
    if (tunable.minimum, tunable.maximum) != (None, None):
        bounds.append(validate.Range(tunable.minimum, tunable.maximum))
    if tunable.over is not None:
        bounds.append(validate.Range(tunable.over, min_inclusive=False))
    return KINDS[parameter.kind](
        load_default=parameter.default,
        validate=bounds,
        metadata={"description": tunable.help},
    )


PARAMETERS = {name: parameters_schema(entry) for name, entry in REGISTRY.items()}


class FunctionField(fields.Raw):
    """An acquisition function by name, with parameters that only it has."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Function:
        del attr, data, kwargs
        if not isinstance(value, dict):
            raise marshmallow.ValidationError("Not an object with `name` and `parameters`.")
        unknown = value.keys() - {"name", "parameters"}
        if unknown:
            raise marshmallow.ValidationError({min(unknown): ["Unknown field."]})
        name = value.get("name")
        if not isinstance(name, str) or name not in REGISTRY:
            known = ", ".join(REGISTRY)
            raise marshmallow.ValidationError({"name": [f"Not a function; there are: {known}."]})
        return Function(name, self.parameters(name, value.get("parameters", {})))

    def parameters(self, name: str, given: Any) -> dict[str, Any]:
        """Return a function's parameters, the defaults filled in."""
        if not isinstance(given, dict):
            raise marshmallow.ValidationError({"parameters": ["Not an object."]})
        try:
            loaded: dict[str, Any] = PARAMETERS[name]().load(given)
        except marshmallow.ValidationError as error:
            raise marshmallow.ValidationError({"parameters": error.messages}) from None
        return loaded


class NewScoringSchema(Request):
    """What is to be scored, and how."""

    pool = fields.String(required=True, metadata={"description": "A pool's id"})
    model = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "A model's id; needed where a function needs predictions"},
    )
    acquisitions = fields.List(
        FunctionField(),
        required=True,
        validate=validate.Length(min=1),
        metadata={"description": "Functions to compute; they share one pass of the model"},
    )


class AcquisitionSchema(Schema):
    """All that a client needs to know of an acquisition function, also to build a form."""

    name = fields.String(required=True)
    kind = fields.Constant("score", required=True)
    summary = fields.String(required=True)
    description = fields.String(required=True)
    formula = fields.String(required=True)
    reference = fields.String(required=True)
    needs = fields.List(fields.String(), required=True, metadata={"description": "Evidence"})
    needs_model = fields.Boolean(required=True, attribute="needs_predictions")
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
