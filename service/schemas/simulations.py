"""Simulations on the wire."""

from typing import Any

import marshmallow
from marshmallow import Schema, fields, post_load, validate

from service.schemas.estimators import RecipeField
from service.schemas.fields import Ids, Integer, Number, ShortList
from service.schemas.functions import FunctionField, Functions
from service.schemas.paging import next_page_token
from service.schemas.pools import NAME_LENGTH
from service.schemas.requests import Request
from service.simulation import DRAWS, GIVEN, HIGHER, METRICS, STRATEGY, Initial, Plan

SEEDS = 5
MOST_SEEDS = 1_000
LARGEST_SEED = 2**32 - 1
MOST_ESTIMATORS = 16
MOST_FIRST_IDS = 10_000
MOST_TARGETS = 20
TEST_SHARE = 0.3


class SeedsField(fields.Raw):
    """Seeds: a list of them, or how many, which are then 0, 1, 2 and so on."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[int, ...]:
        del attr, data, kwargs
        if type(value) is int:
            if not 1 <= value <= MOST_SEEDS:
                raise marshmallow.ValidationError(f"Must be from 1 to {MOST_SEEDS} seeds.")
            return tuple(range(value))
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_SEEDS:
            raise marshmallow.ValidationError(f"Not a number or a list of 1 to {MOST_SEEDS} seeds.")
        for place, seed in enumerate(value):
            if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
                said = f"Not a whole number from 0 to {LARGEST_SEED}."
                raise marshmallow.ValidationError({place: [said]})
            if seed in value[:place]:
                raise marshmallow.ValidationError({place: ["The same seed again."]})
        return tuple(value)


class InitialSchema(Request):
    """The items that are labelled before the first round."""

    size = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "How many; not needed where they are given"},
    )
    draw = fields.String(
        load_default=DRAWS[0],
        validate=validate.OneOf(DRAWS),
        metadata={
            "description": "How they are drawn: evenly, from each class alike, by `function`, or"
            " not at all: `ids` name them"
        },
    )
    function = FunctionField(
        load_default=None,
        allow_none=True,
        metadata={"description": "For `strategy`: a function that needs neither labels nor models"},
    )
    ids = Ids(
        load_default=list,
        validate=validate.Length(max=MOST_FIRST_IDS),
        metadata={"description": "For `given`: the items, which are never tested"},
    )

    @post_load
    def value(self, data: dict[str, Any], **options: Any) -> Initial:
        """Return what was asked as a value."""
        del options
        draw, ids = data["draw"], data["ids"]
        if (draw == STRATEGY) != (data["function"] is not None):
            said = "Name one." if draw == STRATEGY else f"Only for the draw `{STRATEGY}`."
            raise marshmallow.ValidationError(said, "function")
        if (draw == GIVEN) != bool(ids):
            said = "Name some." if draw == GIVEN else f"Only for the draw `{GIVEN}`."
            raise marshmallow.ValidationError(said, "ids")
        if len(set(ids)) != len(ids):
            raise marshmallow.ValidationError("An id stands twice.", "ids")
        size = len(ids) if data["size"] is None and ids else data["size"]
        if size is None or (ids and size != len(ids)):
            said = f"{len(ids)} items are given." if ids else "Missing data for required field."
            raise marshmallow.ValidationError(said, "size")
        return Initial(size=size, draw=draw, function=data["function"], ids=tuple(ids))


class NewSimulationSchema(Request):
    """What is to be replayed: every estimator with every function and every seed."""

    pool = fields.String(
        required=True, metadata={"description": "A pool's id; its labelled items take part"}
    )
    name = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "For people; need not be unique"},
    )
    estimators = ShortList(
        RecipeField(),
        shortest=1,
        longest=MOST_ESTIMATORS,
        required=True,
        metadata={"description": "What is fitted in every round"},
    )
    functions = Functions(
        required=True,
        validate=validate.Length(min=1),
        metadata={
            "description": "What chooses; `random` is beside them also where it is not named"
        },
    )
    seeds = SeedsField(
        load_default=tuple(range(SEEDS)),
        metadata={
            "description": "Seeds, or how many (0, 1, 2 …): each is a run of its own, with a split"
            " and a draw of its own",
            "oneOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
                    "minItems": 1,
                    "maxItems": MOST_SEEDS,
                },
            ],
            "default": SEEDS,
        },
    )
    initial = fields.Nested(
        InitialSchema,
        required=True,
        metadata={"description": "What is labelled before the first round"},
    )
    budget = Integer(
        required=True,
        validate=validate.Range(min=1),
        metadata={"description": "Items labelled in each round"},
    )
    rounds = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Rounds after the first items; null: until `labels`, or the end"},
    )
    labels = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Labels in the end; null: until `rounds`, or nothing is left"},
    )
    test_share = Number(
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, 1, min_inclusive=False, max_inclusive=False),
        metadata={
            "description": f"Which part of the labelled items is the test set ({TEST_SHARE}), each"
            " class alike, drawn anew by each seed"
        },
    )
    test_pool = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "A pool whose labelled items are the test set instead"},
    )
    metrics = ShortList(
        fields.String(validate=validate.OneOf(list(METRICS))),
        shortest=1,
        longest=len(METRICS),
        load_default=lambda: ["accuracy"],
        metadata={"description": "What is measured; savings are told by the first"},
    )
    targets = ShortList(
        Number(validate=validate.Range(min=0)),
        longest=MOST_TARGETS,
        load_default=list,
        metadata={"description": "Scores of the first metric: how many labels reach each?"},
    )

    @post_load
    def value(self, data: dict[str, Any], **options: Any) -> Plan:
        """Return what was asked as a value."""
        del options
        metrics, targets = tuple(data["metrics"]), tuple(data["targets"])
        if len(set(metrics)) != len(metrics):
            raise marshmallow.ValidationError("A metric stands twice.", "metrics")
        if METRICS[metrics[0]] == HIGHER and max(targets, default=0) > 1:
            raise marshmallow.ValidationError(f"No {metrics[0]} is above 1.", "targets")
        if data["test_share"] is not None and data["test_pool"] is not None:
            raise marshmallow.ValidationError("There is a `test_pool` already.", "test_share")
        if data["test_share"] is None and data["test_pool"] is None:
            data["test_share"] = TEST_SHARE
        lists: dict[str, Any] = {
            "recipes": tuple(data.pop("estimators")),
            "functions": tuple(data["functions"]),
        }
        return Plan(**{**data, **lists, "metrics": metrics, "targets": targets})


class SimulationEntrySchema(Schema):
    """A simulation in a listing."""

    id = fields.String(required=True, metadata={"description": "That of its job, too"})
    pool = fields.String(required=True)
    name = fields.String(required=True)
    created_at = fields.String(required=True)
    links = fields.Function(
        lambda simulation: links_of(simulation.id), required=True, metadata={"type": "object"}
    )


class SimulationSchema(SimulationEntrySchema):
    """What a simulation was asked, and what came of it."""

    request = fields.Dict(
        required=True, metadata={"description": "As it was asked, every default filled in"}
    )
    summary = fields.Dict(
        required=True,
        metadata={"description": "Mean curves, areas, labels needed, savings, advice"},
    )
    versions = fields.Dict(required=True, metadata={"description": "Libraries that computed it"})


def links_of(simulation: str) -> dict[str, str]:
    """Return where a simulation and its results are found."""
    here = f"/v1/simulations/{simulation}"
    return {
        "self": here,
        "job": f"/v1/jobs/{simulation}",
        "rounds": f"{here}/rounds",
        "curves": f"{here}/curves",
        "curves_svg": f"{here}/curves.svg",
        "curves_png": f"{here}/curves.png",
    }


class SimulationPageSchema(Schema):
    """Simulations, the newest first."""

    simulations = fields.List(fields.Nested(SimulationEntrySchema), required=True)
    next_page_token = next_page_token()


class RoundPageSchema(Schema):
    """Rounds, in the order of runs."""

    rounds = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "What was labelled in each round, and how the model then scores"},
    )
    next_page_token = next_page_token()
