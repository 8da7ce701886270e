"""Estimators on the wire: the catalogue, and recipes; every field is made from the catalogue."""

import difflib
from collections.abc import Sequence
from typing import Any

import marshmallow
from marshmallow import Schema, fields

from service.estimators import (
    ESTIMATORS,
    PCA,
    RECIPE,
    SCALINGS,
    Estimator,
    HyperParameter,
    Recipe,
)
from service.schemas.kinds import OneOfKinds, taken
from service.schemas.requests import Request

MEMBERS = ("name", "parameters", "base", "scaling", "pca")


def parameters_schema(estimator: Estimator) -> type[Schema]:
    """Return the schema of one estimator's hyper-parameters."""
    members: dict[str, Any] = {
        name: parameter_field(each) for name, each in estimator.parameters.items()
    }
    name = "".join(word.title() for word in estimator.name.split("_"))
    return type(f"{name}HyperParametersSchema", (Request,), members)


def parameter_field(parameter: HyperParameter) -> fields.Field[Any]:
    """Return the field of one hyper-parameter."""
    return OneOfKinds(parameter.kinds, metadata={"description": parameter.description})


PARAMETERS = {name: parameters_schema(each) for name, each in ESTIMATORS.items()}
PCA_FIELD = OneOfKinds(PCA.kinds)


class RecipeField(fields.Raw):
    """An estimator by name, with hyper-parameters that only it has, and what stands before it."""

    def __init__(self, **options: Any) -> None:
        described = {"title": RECIPE, "type": "object", **options.pop("metadata", {})}
        super().__init__(metadata=described, **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Recipe:
        del attr, data, kwargs
        return recipe_of(value, tuple(ESTIMATORS))

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        """Return a recipe, or the document of one, as a client would ask for it."""
        del attr, obj, kwargs
        recipe = value if isinstance(value, Recipe) else Recipe.from_document(value)
        return recipe.asked()


def recipe_of(value: Any, allowed: Sequence[str]) -> Recipe:
    """Return the recipe that a client describes, of one of the estimators that are allowed."""
    if not isinstance(value, dict):
        raise marshmallow.ValidationError("Not an object with `name` and `parameters`.")
    unknown = value.keys() - set(MEMBERS)
    if unknown:
        raise refuse(min(unknown), f"Unknown field. Known are: {', '.join(MEMBERS)}.")
    name = value.get("name")
    if not isinstance(name, str) or name not in allowed:
        raise refuse("name", f"Not an estimator{resembling(name, allowed)}: {', '.join(allowed)}.")
    estimator = ESTIMATORS[name]
    return Recipe(
        estimator=name,
        parameters=parameters_of(estimator, value.get("parameters", {})),
        base=base_of(estimator, value.get("base")),
        scaling=scaling_of(value.get("scaling")),
        pca=pca_of(value.get("pca")),
    )


def refuse(place: str, said: Any) -> marshmallow.ValidationError:
    """Return the error for one member of a recipe."""
    return marshmallow.ValidationError({place: said if isinstance(said, dict) else [said]})


def resembling(name: Any, allowed: Sequence[str]) -> str:
    """Return what a misspelt name may have meant, and that a list of names follows."""
    asked = str(name).lower().replace("-", "_")
    close = difflib.get_close_matches(asked, allowed, n=1)
    return f", but {close[0]} is one; there are" if close else " that can stand here; there are"


def parameters_of(estimator: Estimator, given: Any) -> dict[str, Any]:
    """Return the hyper-parameters that differ from scikit-learn's defaults."""
    if not isinstance(given, dict):
        raise refuse("parameters", "Not an object.")
    unknown = given.keys() - estimator.parameters.keys()
    if unknown:
        known = ", ".join(estimator.parameters)
        raise refuse("parameters", {min(unknown): [f"Unknown field. Known are: {known}."]})
    try:
        loaded: dict[str, Any] = PARAMETERS[estimator.name]().load(given)
    except marshmallow.ValidationError as error:
        raise refuse("parameters", error.messages_dict) from None
    return {
        name: value
        for name, value in loaded.items()
        if not is_default(estimator.parameters[name], value)
    }


def is_default(parameter: HyperParameter, value: Any) -> bool:
    """Return whether a value is a hyper-parameter's default; 1 and 1.0 may mean other things."""
    default = taken(parameter.kinds, parameter.default)
    return type(value) is type(default) and bool(value == default)


def base_of(estimator: Estimator, given: Any) -> Recipe | None:
    """Return what an ensemble shall be made of, or None for scikit-learn's own choice."""
    if given is None:
        return None
    if not estimator.bases:
        raise refuse("base", f"{estimator.name} is made of no other estimator.")
    try:
        base = recipe_of(given, estimator.bases)
    except marshmallow.ValidationError as error:
        said = error.messages
        raise marshmallow.ValidationError({"base": said}) from None
    before = [name for name in ("scaling", "pca") if getattr(base, name) is not None]
    if before and not estimator.takes_steps:
        detail = f"{estimator.name} weighs labels, which a pipeline cannot: scale outside of it."
        raise refuse("base", {before[0]: [detail]})
    return base


def scaling_of(given: Any) -> str | None:
    """Return how features are scaled."""
    if given is not None and (not isinstance(given, str) or given not in SCALINGS):
        raise refuse("scaling", f"Must be one of: {', '.join(SCALINGS)}; or null.")
    return given


def pca_of(given: Any) -> int | float | None:
    """Return how many principal components are kept, or what part of the variance."""
    try:
        found: int | float | None = PCA_FIELD.deserialize(given)
    except marshmallow.ValidationError as error:
        raise marshmallow.ValidationError({"pca": error.messages}) from None
    return found


class EstimatorSchema(Schema):
    """All that a client needs to know of an estimator, also to build a form."""

    name = fields.String(required=True)
    library_class = fields.String(
        required=True,
        data_key="class",
        metadata={"description": "The class of scikit-learn that it is"},
    )
    summary = fields.String(required=True)
    is_committee = fields.Boolean(
        required=True,
        data_key="committee",
        metadata={"description": "Whether its members are a committee by themselves"},
    )
    is_calibrated = fields.Boolean(
        required=True,
        data_key="calibrated",
        metadata={
            "description": "Whether its probabilities come from calibration, which takes at least"
            " two labels of each class"
        },
    )
    bases = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The estimators that `base` may name; none where it takes none"},
    )
    takes_steps = fields.Boolean(
        required=True,
        data_key="base_takes_steps",
        metadata={"description": "Whether `base` may have `scaling` and `pca` of its own"},
    )
    parameters = fields.Function(
        lambda estimator: estimator.parameters_schema(),
        required=True,
        metadata={"type": "object", "description": "A JSON Schema"},
    )


class EstimatorsSchema(Schema):
    """Every estimator, and what may stand before one."""

    estimators = fields.List(fields.Nested(EstimatorSchema), required=True)
    scalings = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "What `scaling` may name, and what it does"},
    )
    pca = fields.Dict(required=True, metadata={"description": "What `pca` may be: a JSON Schema"})
    library_version = fields.String(
        required=True,
        data_key="scikit_learn",
        metadata={"description": "The version of scikit-learn that says so"},
    )
