"""Estimators: what can be fitted here, as scikit-learn describes it, and what a client asks for.

What there is stands in `estimators.json`, which is written from scikit-learn itself
(`python -m workers.estimators`), so that the service knows it without importing scikit-learn.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

Kind = Mapping[str, Any]
"""A kind of value, as JSON Schema says it."""

DOCUMENT = Path(__file__).with_name("estimators.json")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is to be fitted: an estimator with its hyper-parameters, and what stands before it.

    `parameters` are those that differ from scikit-learn's defaults. `base` is what an ensemble is
    made of. `scaling` is one of SCALINGS; `pca` is a number of components, or the part of the
    variance (below one) that they shall keep.
    """

    estimator: str
    parameters: Mapping[str, Any]
    base: "Recipe | None" = None
    scaling: str | None = None
    pca: int | float | None = None

    def document(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return {
            "estimator": self.estimator,
            "parameters": dict(self.parameters),
            "base": self.base and self.base.document(),
            "scaling": self.scaling,
            "pca": self.pca,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the recipe that a document describes."""
        base = document["base"]
        return cls(**{**document, "base": None if base is None else cls.from_document(base)})

    def asked(self) -> dict[str, Any]:
        """Return the recipe as a client would ask for it."""
        said = {**self.document(), "base": self.base and self.base.asked()}
        return {"name": said.pop("estimator"), **said}

    @classmethod
    def from_asked(cls, asked: Mapping[str, Any]) -> Self:
        """Return the recipe that was asked for, as `asked` says it."""
        said = dict(asked)
        base = said.pop("base")
        return cls(
            estimator=said.pop("name"), base=None if base is None else cls.from_asked(base), **said
        )

    @property
    def key(self) -> str:
        """What tells it from other recipes."""
        return json.dumps(self.document(), sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class HyperParameter:
    """What may be tuned: its default, and the kinds of values it takes, as JSON Schemas."""

    name: str
    default: Any
    description: str
    kinds: tuple[Kind, ...]

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its values."""
        said = {"description": self.description, "default": self.default}
        kinds = [dict(kind) for kind in self.kinds]
        return {**said, **kinds[0]} if len(kinds) == 1 else {**said, "anyOf": kinds}


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """An estimator by its name: the class of scikit-learn that it is, and what it takes.

    `is_committee` says whether its members give probabilities, `is_calibrated` whether it gives
    some only by calibration. `bases` are the estimators that it may be made of, none where it is
    made of no other; `takes_steps` says whether something may stand before them.
    """

    name: str
    library_class: str
    summary: str
    is_committee: bool
    is_calibrated: bool
    bases: tuple[str, ...]
    takes_steps: bool
    parameters: Mapping[str, HyperParameter]

    def parameters_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its hyper-parameters."""
        return {
            "type": "object",
            "properties": {name: each.schema() for name, each in self.parameters.items()},
            "additionalProperties": False,
        }


def parameter(recipe: Recipe, name: str) -> Any:
    """Return a hyper-parameter of a recipe, scikit-learn's default where it says nothing."""
    return recipe.parameters.get(name, ESTIMATORS[recipe.estimator].parameters[name].default)


def estimator_of(name: str, said: Mapping[str, Any]) -> Estimator:
    """Return an estimator that the document describes."""
    return Estimator(
        name=name,
        library_class=said["class"],
        summary=said["summary"],
        is_committee=said["is_committee"],
        is_calibrated=said["is_calibrated"],
        bases=tuple(said["bases"]),
        takes_steps=said["takes_steps"],
        parameters={
            name: HyperParameter(name=name, **{**each, "kinds": tuple(each["kinds"])})
            for name, each in said["parameters"].items()
        },
    )


CATALOGUE: Mapping[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
ESTIMATORS = {name: estimator_of(name, said) for name, said in CATALOGUE["estimators"].items()}
SCALINGS: Mapping[str, str] = CATALOGUE["scalings"]

PCA = HyperParameter(
    name="pca",
    default=None,
    description="Principal components to keep: how many, or the part of the variance they explain.",
    kinds=(
        {"type": "integer", "minimum": 1},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "null"},
    ),
)
"""How many components, or the part of the variance that they shall keep."""

RECIPE = "Recipe"
"""What a recipe is called where the API is described."""
