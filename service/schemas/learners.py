"""Learners, their queries, what they are taught and their turns on the wire."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from service.operations.learners import LearnerView, NewLearner
from service.operations.rankings import Query
from service.operations.trainings import MOST_FOLDS
from service.records import Turn
from service.schemas.estimators import RecipeField
from service.schemas.fields import Boolean, Ids, Integer
from service.schemas.functions import FunctionField, function_of
from service.schemas.labels import Labels
from service.schemas.paging import next_page_token
from service.schemas.problems import ProblemSchema
from service.schemas.rankings import MOST_SETS, RowSchema, WhereField, conditions
from service.schemas.requests import Request
from service.schemas.scorings import DEFAULT_BATCH
from service.schemas.trainings import LARGEST_SEED, NAME_LENGTH, ClassCountSchema

DEFAULT_FOLDS = 3
COLD_START = "k_center"
LARGEST_PAGE = 100_000


class NewLearnerSchema(Request):
    """What is learnt, how, and what is queried by."""

    pool = fields.String(required=True, metadata={"description": "A pool's id"})
    recipe = RecipeField(
        data_key="estimator",
        required=True,
        metadata={"description": "What each turn fits on the pool's labels, as in a training"},
    )
    function = FunctionField(
        data_key="acquisition",
        required=True,
        metadata={"description": "The function or batch strategy that queries are answered by"},
    )
    batch = Integer(
        data_key="n",
        load_default=DEFAULT_BATCH,
        validate=validate.Range(min=1),
        metadata={"description": "How many items a query gives unless it says otherwise"},
    )
    cold_start = FunctionField(
        load_default=lambda: function_of({"name": COLD_START}, 1),
        metadata={
            "description": "What ranks until two classes are labelled: a function that needs"
            f" neither predictions nor labels; {COLD_START} by default"
        },
    )
    folds = Integer(
        load_default=DEFAULT_FOLDS,
        validate=validate.Range(0, MOST_FOLDS),
        metadata={
            "description": "Folds of the cross-validation that gives the history its score; none"
            " where it is 0 or 1"
        },
    )
    seed = Integer(
        load_default=0,
        validate=validate.Range(0, LARGEST_SEED),
        metadata={"description": "What a turn draws at random, it draws by it"},
    )
    name = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "For people, and the source of the labels it is taught"},
    )

    @post_load
    def value(self, data: dict[str, Any], **options: Any) -> NewLearner:
        """Return what was asked as a value."""
        del options
        return NewLearner(**data)


class TurnSchema(Schema):
    """One turn: what it was fitted on, and how it did."""

    number = fields.Integer(required=True, metadata={"description": "Ascending, not without gaps"})
    at = fields.String(required=True)
    job = fields.String(required=True)
    items = fields.Integer(required=True, metadata={"description": "Items of the pool then"})
    labels = fields.Integer(required=True, metadata={"description": "Labelled items then"})
    classes = fields.Integer(required=True, metadata={"description": "Distinct labels then"})
    class_counts = fields.Method(
        "counts_of",
        metadata={
            "type": "array",
            "items": {"type": "object"},
            "description": "The most frequent labels, each with its count",
        },
    )
    model = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What was fitted; null for a cold start"},
    )
    ranking = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What queries were answered from; null once it is forgotten"},
    )
    score = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Cross-validated accuracy; null until it is known, or cannot be"},
    )
    score_error = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "The standard error of the score"},
    )
    mean_uncertainty = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "One less the greatest probability, over the unlabelled items"},
    )
    max_uncertainty = fields.Float(required=True, allow_none=True)
    agreement = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Cohen's kappa with the predictions of the turn before"},
    )

    def counts_of(self, turn: Turn) -> Any:
        """Return the counts of classes as a training's are told."""
        counts = [{"label": label, "count": count} for label, count in turn.class_counts]
        return ClassCountSchema(many=True).dump(counts)


class StoppingSchema(Schema):
    """Advice on whether more labels still change anything; nothing stops by itself."""

    stop = fields.Boolean(required=True)
    rule = fields.String(
        required=True, allow_none=True, metadata={"description": "The rule that says stop"}
    )
    reason = fields.String(required=True, metadata={"description": "Why, with the numbers"})


class LearnerSchema(Schema):
    """A pool, an estimator, a function and a batch size tied together, and where they stand."""

    id = fields.String(required=True, attribute="learner.id")
    name = fields.String(required=True, attribute="learner.name")
    pool = fields.String(required=True, attribute="learner.pool")
    recipe = RecipeField(data_key="estimator", required=True, attribute="learner.recipe")
    acquisition = fields.Dict(required=True, attribute="learner.function")
    cold_start = fields.Dict(required=True, attribute="learner.cold_start")
    n = fields.Integer(required=True, attribute="learner.batch")
    folds = fields.Integer(required=True, attribute="learner.folds")
    seed = fields.Integer(required=True, attribute="learner.seed")
    turn = fields.Nested(
        TurnSchema,
        required=True,
        allow_none=True,
        attribute="learner.turn",
        metadata={"description": "The turn that queries are answered from"},
    )
    ready = fields.Function(
        lambda view: view.learner.turn is not None,
        metadata={"type": "boolean", "description": "Whether a query is answered"},
    )
    updating = fields.Function(
        lambda view: view.pending is not None,
        metadata={"type": "boolean", "description": "Whether a newer turn is on its way"},
    )
    job = fields.String(
        required=True,
        attribute="learner.job",
        metadata={"description": "The job of the turn asked for last"},
    )
    problem = fields.Nested(
        ProblemSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why the turn asked for last failed, where it has"},
    )
    stopping = fields.Nested(StoppingSchema, required=True, attribute="advice")
    created_at = fields.String(required=True, attribute="learner.created_at")
    links = fields.Method("links_of", metadata={"type": "object"})

    def links_of(self, view: LearnerView) -> dict[str, str]:
        """Return where all that belongs to a learner is found."""
        own = f"/v1/learners/{view.learner.id}"
        steps = {name: f"{own}/{name}" for name in ("query", "teach", "predictions", "history")}
        elsewhere = {
            "pool": f"/v1/pools/{view.learner.pool}",
            "job": f"/v1/jobs/{view.learner.job}",
        }
        return {"self": own, **steps, **elsewhere}


class LearnerPageSchema(Schema):
    """Learners, the newest first."""

    learners = fields.List(fields.Nested(LearnerSchema), required=True)
    next_page_token = next_page_token()


class LearnerQuerySchema(Request):
    """Which items are wanted next."""

    n = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=0),
        metadata={"description": "How many; by default the learner's own n"},
    )
    excluded = Ids(
        data_key="exclude",
        load_default=list,
        metadata={"description": "Item ids to leave out"},
    )
    exclude_sets = fields.List(
        fields.String(),
        load_default=list,
        validate=validate.Length(max=MOST_SETS),
        metadata={"description": "Exclusion sets to leave out"},
    )
    include_labelled = Boolean(
        load_default=False, metadata={"description": "Whether labelled items are shown too"}
    )
    where = WhereField(load_default=dict, metadata={"description": "As in a query of a ranking"})


def query_of(arguments: dict[str, Any], n: int) -> Query:
    """Return loaded arguments as a query for n items."""
    return Query(
        n=n,
        exclude=tuple(arguments["excluded"]),
        exclude_sets=tuple(dict.fromkeys(arguments["exclude_sets"])),
        include_labelled=arguments["include_labelled"],
        where=conditions(arguments["where"]),
    )


class SuggestionSchema(RowSchema):
    """One item to label next, and what the model says of it now."""

    label = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "The likeliest class; null before there is a model"},
    )
    probability = fields.Float(required=True, allow_none=True)


class LearnerAnswerSchema(Schema):
    """The items to label next."""

    learner = fields.String(required=True)
    turn = fields.Integer(required=True)
    model = fields.String(required=True, allow_none=True)
    ranking = fields.String(required=True)
    items = fields.List(fields.Nested(SuggestionSchema), required=True)
    returned = fields.Integer(required=True)
    eligible = fields.Integer(
        required=True, metadata={"description": "Items of the ranking that are not left out"}
    )
    excluded = fields.Integer(
        required=True, metadata={"description": "Items left out by ids, sets, labels"}
    )
    unknown_ids = fields.List(fields.String(), required=True)
    updating = fields.Boolean(
        required=True, metadata={"description": "Whether a newer turn is on its way"}
    )


class TeachSchema(Request):
    """Labels to learn from; none to learn anew from those that there are."""

    labels = Labels(load_default=dict)
    source = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "Who says so; by default the learner's name"},
    )


class HistorySchema(Schema):
    """The turns of a learner, the first one first, and whether to go on."""

    learner = fields.String(required=True)
    turns = fields.List(fields.Nested(TurnSchema), required=True)
    stopping = fields.Nested(StoppingSchema, required=True)
