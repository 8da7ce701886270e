"""Predictions that clients give, on the wire."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from service.given import FORMS, PROBABILITIES, SCALES
from service.schemas.fields import QueryBoolean
from service.schemas.paging import next_page_token
from service.schemas.requests import Request

NAME_LENGTH = 200
KINDS_MEAN = "; ".join(f"`{name}`: {form.says}" for name, form in FORMS.items())


class Classes(fields.String):
    """A JSON list of classes, or how many there are, in a query string."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        del attr, data, kwargs
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if type(found) is not int and not isinstance(found, list):
            raise ValidationError(
                'Not a whole number, nor a JSON list such as [1, 2] or ["bus", "tram"]. '
                "What is text may also be said by ?class=bus&class=tram."
            )
        return found


class Words(fields.List[str]):
    """Words of a query string, with commas between them or each on its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.String(), **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        found = super()._deserialize(value, attr, data, **kwargs)
        return [word.strip() for each in found for word in str(each).split(",")]


class PredictionsArguments(Request):
    """What the numbers of a body are, and how it is to be read."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(list(FORMS)),
        error_messages={"required": f"Say which: {', '.join(FORMS)}."},
        metadata={"description": f"What is predicted. {KINDS_MEAN}"},
    )
    scale = fields.String(
        load_default=PROBABILITIES,
        validate=validate.OneOf(SCALES),
        metadata={"description": "What the numbers are; they are kept as probabilities"},
    )
    classes = Classes(
        load_default=None,
        metadata={
            "description": "The classes in the order of the numbers, as a JSON list of strings,"
            " numbers or booleans (percent-encoded), or only how many there are"
        },
    )
    named = fields.List(
        fields.String(),
        data_key="class",
        attribute="class",
        load_default=None,
        metadata={
            "description": "A class that is text; once for each class, in the order of the"
            " numbers: `?class=bus&class=tram`"
        },
    )
    normalize = QueryBoolean(
        load_default=False,
        metadata={"description": "Divide probabilities by their sum instead of refusing them"},
    )
    axes = Words(
        load_default=None,
        metadata={
            "description": "What the axes of an array with members are, in its order, with commas"
            " between them, as in `members,items,classes`: needed for `members`, `votes` and"
            " `regression_members` in `.npy`, `.npz` and multipart"
        },
    )
    dtype = fields.String(
        load_default=None,
        validate=validate.OneOf(["float16", "float32", "float64"]),
        metadata={"description": "Type in which JSON, NDJSON and CSV numbers are kept"},
    )
    id_column = fields.String(
        load_default="id", metadata={"description": "Column of ids (CSV, Arrow, Parquet)"}
    )
    name = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "For people; need not be unique"},
    )

    @validates_schema
    def check_combination(self, data: Mapping[str, Any], **_options: Any) -> None:
        """Refuse what does not go with the kind."""
        faults = dict(misfits(data))
        if faults:
            raise ValidationError(faults)


def misfits(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the arguments that do not go with the kind, and why."""
    kind, form, axes = data["kind"], FORMS[data["kind"]], data["axes"]
    if data["scale"] != PROBABILITIES and not form.scaled:
        yield "scale", f"The numbers of {kind} are no scores of classes: leave it out."
    if data["normalize"] and not form.summed:
        yield "normalize", f"The numbers of {kind} do not sum to one: leave it out."
    said = [name for name in ("classes", "class") if data[name] is not None]
    if not form.classed:
        yield from ((name, f"There are none in {kind}: leave it out.") for name in said)
    elif len(said) > 1:
        yield "class", "The classes are said by classes already: leave one of the two out."
    if data["dtype"] and not (form.scaled or not form.classed):
        yield "dtype", f"The numbers of {kind} are whole: leave it out."
    elif data["dtype"] not in (None, "float64") and data["scale"] != PROBABILITIES:
        yield "dtype", f"What is made of {data['scale']} is kept as float64: leave it out."
    if axes is not None and not form.has_members:
        yield "axes", f"The axes of {kind} leave no choice: leave it out."
    elif axes is not None and sorted(axes) != sorted(form.axes):
        yield "axes", f"Name each of {', '.join(form.axes)} once, in the order of the array."


class PredictionsSchema(Schema):
    """What a client's own model says of a pool's items."""

    id = fields.String(required=True)
    pool = fields.String(required=True)
    job = fields.String(required=True, metadata={"description": "The job that read the upload"})
    kind = fields.String(required=True, attribute="form", validate=validate.OneOf(list(FORMS)))
    name = fields.String(required=True)
    parts = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The parts that the pool had when they were sent"},
    )
    total = fields.Integer(required=True, metadata={"description": "Items of those parts"})
    items = fields.Integer(
        required=True, metadata={"description": "How many of the items are predicted"}
    )
    empty = fields.Integer(
        required=True,
        metadata={"description": "How many of these have no object, or no token, at all"},
    )
    classes = fields.List(
        fields.Raw(metadata={"description": "A string, number or boolean"}),
        required=True,
        metadata={"description": "In the order of the numbers; numbered where they have no names"},
    )
    members = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Members of the committee"}
    )
    dtype = fields.String(required=True, metadata={"description": "Type of the numbers as kept"})
    bytes = fields.Integer(required=True, metadata={"description": "Size of the body as sent"})
    sha256 = fields.String(required=True, metadata={"description": "SHA-256 of the body as sent"})
    created_at = fields.String(required=True)


class PredictionsPageSchema(Schema):
    """Predictions of a pool, the newest first."""

    predictions = fields.List(fields.Nested(PredictionsSchema), required=True)
    next_page_token = next_page_token()
