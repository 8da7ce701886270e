"""Rankings and readings of them on the wire."""

from typing import Any

import marshmallow
from marshmallow import Schema, fields, post_load, validate

from service.filters import Condition
from service.operations.rankings import Query
from service.schemas.fields import Boolean, Ids, Integer, Number, QueryBoolean, QueryInteger, Scalar
from service.schemas.paging import next_page_token
from service.schemas.requests import Request

DEFAULT_N = 100
MOST_SETS = 1_000
ORDERS = ("desc", "asc")
HOW_TO_ASK = 'Give an object with eq, in, or min and max: {"eq": "Oslo"}.'


class ConditionSchema(Request):
    """What one metadata column must hold: a value, one of several, or a range (ends included)."""

    error_messages = {"type": HOW_TO_ASK}  # noqa: RUF012 - marshmallow's own attribute

    eq = Scalar()
    among = fields.List(Scalar(), data_key="in", validate=validate.Length(max=10_000))
    minimum = Number(data_key="min")
    maximum = Number(data_key="max")

    @post_load
    def check(self, data: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Refuse a condition that says nothing, or the same thing in two ways."""
        del options
        if not data or {"eq", "among"} <= data.keys():
            raise marshmallow.ValidationError(HOW_TO_ASK)
        return data


class WhereField(fields.Dict):
    """Conditions by metadata column; an item must meet all of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(keys=fields.String(), values=fields.Nested(ConditionSchema), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except marshmallow.ValidationError as error:
            # marshmallow tells keys from values by a level of its own, which no request has.
            found: Any = error.messages
            raise marshmallow.ValidationError(
                {key: said.get("value", said.get("key")) for key, said in found.items()}
                if isinstance(found, dict)
                else found
            ) from None


def conditions(where: dict[str, dict[str, Any]]) -> tuple[Condition, ...]:
    """Return loaded conditions as values."""
    return tuple(
        Condition(
            column=column,
            among=(said["eq"],)
            if "eq" in said
            else tuple(said["among"])
            if "among" in said
            else None,
            minimum=said.get("minimum"),
            maximum=said.get("maximum"),
        )
        for column, said in where.items()
    )


class ReadingArguments(Request):
    """Which items of a ranking, in the query string."""

    n = QueryInteger(
        load_default=DEFAULT_N,
        validate=validate.Range(min=0),
        metadata={"description": "How many items"},
    )
    order = fields.String(
        load_default="desc",
        validate=validate.OneOf(ORDERS),
        metadata={"description": "desc: what to label sooner first"},
    )
    excluded = fields.List(
        fields.String(),
        data_key="exclude",
        load_default=list,
        metadata={"description": "An item id to leave out; repeat it, or POST a query for many"},
    )
    exclude_sets = fields.List(
        fields.String(),
        data_key="exclude_set",
        load_default=list,
        validate=validate.Length(max=MOST_SETS),
        metadata={"description": "An exclusion set to leave out; repeat it for several"},
    )
    include_labelled = QueryBoolean(
        load_default=False, metadata={"description": "Whether labelled items are shown too"}
    )
    page_token = fields.String(load_default=None)


class SelectionSchema(Request):
    """What a reading leaves out, in a body."""

    excluded = Ids(data_key="exclude", load_default=list)
    exclude_sets = fields.List(
        fields.String(), load_default=list, validate=validate.Length(max=MOST_SETS)
    )
    include_labelled = Boolean(load_default=False)
    where = WhereField(load_default=dict)


class QuerySchema(SelectionSchema):
    """Which items of a ranking, in a body."""

    n = Integer(load_default=DEFAULT_N, validate=validate.Range(min=0))
    order = fields.String(load_default="desc", validate=validate.OneOf(ORDERS))
    page_token = fields.String(load_default=None, allow_none=True)


def query_of(arguments: dict[str, Any], *, start: int) -> Query:
    """Return loaded arguments as a query from a place on."""
    return Query(
        n=arguments["n"],
        start=start,
        ascending=arguments["order"] == "asc",
        exclude=tuple(arguments["excluded"]),
        exclude_sets=tuple(dict.fromkeys(arguments["exclude_sets"])),
        include_labelled=arguments["include_labelled"],
        where=conditions(arguments.get("where", {})),
    )


class RowSchema(Schema):
    """One item of a ranking."""

    rank = fields.Integer(
        required=True,
        metadata={"description": "Place from 1 in the whole pool, in the order asked for"},
    )
    id = fields.String(required=True)
    score = fields.Float(required=True, metadata={"description": "Higher = label sooner"})
    raw_score = fields.Float(required=True, metadata={"description": "The field's own quantity"})
    original = fields.String(
        metadata={"description": "The item that this one nearly repeats, where it does"}
    )


class ReadingSchema(Schema):
    """The items a query asks for, and how many there are."""

    ranking = fields.String(required=True)
    items = fields.List(fields.Nested(RowSchema), required=True)
    total = fields.Integer(
        required=True, attribute="ranking.total", metadata={"description": "Items of the pool"}
    )
    ranked = fields.Integer(
        required=True,
        attribute="ranking.ranked",
        metadata={"description": "Items in the ranking: with a score, or selected for the batch"},
    )
    eligible = fields.Integer(required=True, metadata={"description": "Items not left out"})
    excluded = fields.Integer(
        required=True, metadata={"description": "Items left out by ids, sets"}
    )
    returned = fields.Integer(required=True)
    unknown_ids = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Ids in `exclude` that the pool does not know"},
    )
    next_page_token = next_page_token()


class ColumnarReadingSchema(ReadingSchema):
    """The same by columns, which are all of one length: smaller, and quicker to write and read."""

    class Meta:
        exclude = ("items",)

    rank = fields.List(fields.Integer(), required=True)
    id = fields.List(fields.String(), required=True)
    score = fields.List(fields.Float(), required=True)
    raw_score = fields.List(fields.Float(), required=True)
    original = fields.List(
        fields.String(allow_none=True),
        metadata={"description": "Where the ranking tells which item one nearly repeats"},
    )


class RankingSchema(Schema):
    """The immutable result of a scoring job, and where it came from."""

    id = fields.String(required=True)
    job = fields.String(required=True)
    pool = fields.String(required=True)
    parts = fields.List(fields.String(), required=True)
    total = fields.Integer(required=True, metadata={"description": "Items of the pool"})
    ranked = fields.Integer(
        required=True,
        metadata={"description": "Items in the ranking: with a score, or selected for the batch"},
    )
    kind = fields.String(required=True, attribute="form")
    purpose = fields.String(required=True)
    acquisition = fields.String(required=True)
    parameters = fields.Dict(
        required=True,
        attribute="function.parameters",
        metadata={"description": "Every one, the seed too"},
    )
    function = fields.Dict(
        required=True, metadata={"description": "As asked for, with what it builds on"}
    )
    source = fields.Dict(
        required=True, metadata={"description": "Model, committee or predictions, by id"}
    )
    batch = fields.Dict(required=True, allow_none=True)
    raw_name = fields.String(required=True)
    raw_direction = fields.String(required=True)
    summary = fields.Dict(required=True, metadata={"description": "Extremes, mean, histogram"})
    versions = fields.Dict(required=True, metadata={"description": "Libraries that computed it"})
    submitted_at = fields.String(required=True)
    started_at = fields.String(required=True)
    created_at = fields.String(required=True)


class RankingPageSchema(Schema):
    """Rankings, the newest first."""

    rankings = fields.List(fields.Nested(RankingSchema), required=True)
    next_page_token = next_page_token()
