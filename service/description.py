"""The description of the API, as far as it holds for every operation and every function."""

from typing import TYPE_CHECKING, Any

from flask import Flask

from service.acquisition import ALIASES, REGISTRY, Acquisition
from service.acquisition.registry import BATCH
from service.errors import (
    PROBLEM_JSON,
    Conflict,
    Forbidden,
    StorageFull,
    TooBusy,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from service.estimators import ESTIMATORS, PCA, RECIPE, SCALINGS, Estimator

if TYPE_CHECKING:
    from flask_smorest import Api

VERSION = "1"
DESCRIPTION = """Of everything not yet labelled, which items should a person label next?

Upload a pool, and a model or its predictions, ask for acquisition scores, poll the job, and read
the top n of each ranking less what you exclude. A higher score is always labelled sooner. Errors
are RFC 9457 problems. Every POST that makes something takes an `Idempotency-Key`; jobs take
`Prefer: wait=n`.
"""

Document = dict[str, Any]

ANYWHERE = (Unauthorized, Forbidden, Unavailable)
WITH_A_BODY = (Conflict, TooLarge, TooBusy, StorageFull)
"""What may happen to any body: its key is at work, it is too large, too many come, no room."""


TOO_LONG = "The web server takes no URL of more than 64 KiB: long lists belong in a body"


def configure(app: Flask) -> None:
    """Set what flask-smorest needs to know of the description."""
    app.config.update(
        API_TITLE="Shortlist",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {
                "description": DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{}, {"key": []}],
        },
    )


def document(api: "Api") -> Document:
    """Return the description as plain values."""
    described: Document = api.spec.to_dict()
    components = described["components"]
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for response in components.get("responses", {}).values():
        if "application/json" in response.get("content", {}):
            response["content"] = {PROBLEM_JSON: response["content"]["application/json"]}
    for operations in described["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                finish_operation(operation)
    finish_scoring(components["schemas"])
    finish_recipes(components["schemas"])
    return described


def finish_operation(operation: Document) -> None:
    """Add what holds for every operation that it does not say itself."""
    responses = operation["responses"]
    responses.pop("default", None)
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for kind in (*ANYWHERE, *(WITH_A_BODY if "requestBody" in operation else ())):
        described = {"description": kind.__doc__, "content": {PROBLEM_JSON: problem}}
        responses.setdefault(str(kind.status), described)
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "query":
            parameter.setdefault("required", False)
            if parameter["schema"].get("type") == "array":
                responses["414"] = {"description": TOO_LONG}


def finish_scoring(schemas: Document) -> None:
    """Say in full which functions there are and what each takes."""
    names = {name: f"Function_{name}" for name in REGISTRY}
    for name, entry in REGISTRY.items():
        schemas[names[name]] = function_schema(entry)
    references = {name: f"#/components/schemas/{schema}" for name, schema in names.items()}
    aliases = {alias: references[name] for alias, name in ALIASES.items()}
    schemas["Function"] = {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "name", "mapping": references | aliases},
    }
    schemas["NewScoring"]["properties"]["acquisitions"]["items"] = FUNCTION
    schemas["NewSimulation"]["properties"]["functions"]["items"] = FUNCTION
    for name in ("acquisition", "cold_start"):
        described = schemas["NewLearner"]["properties"][name]["description"]
        schemas["NewLearner"]["properties"][name] = {**FUNCTION, "description": described}


FUNCTION = {"$ref": "#/components/schemas/Function"}


def function_schema(entry: Acquisition) -> Document:
    """Return the schema of one function as a request names it."""
    low, high = entry.of
    required = [p.name for p in entry.parameters if p.tunable.required]
    properties: Document = {
        "name": {"type": "string", "enum": [entry.name, *entry.aliases]},
        "parameters": entry.parameters_schema(),
    }
    if high:
        properties["of"] = {
            "type": "array",
            "items": FUNCTION,
            "minItems": low,
            "maxItems": high,
            "description": "Functions whose scores it builds on",
        }
    if entry.kind == BATCH:
        properties["candidates"] = {
            "type": "integer",
            "minimum": 1,
            "description": "Choose among so many of the best by `of`; by default among all",
        }
    return {
        "type": "object",
        "description": entry.summary,
        "properties": properties,
        "required": [
            "name",
            *(["parameters"] if required else []),
            *(["of"] if low and entry.builds_on is None else []),
        ],
        "additionalProperties": False,
    }


def finish_recipes(schemas: Document) -> None:
    """Say in full which estimators there are and what each takes, wherever a recipe is named."""
    refer(schemas)
    for name, estimator in ESTIMATORS.items():
        schemas[f"Estimator_{name}"] = recipe_schema(estimator)
    references = {name: reference_to(name) for name in ESTIMATORS}
    schemas[RECIPE] = {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "name", "mapping": references},
    }


def refer(node: Any) -> None:
    """Put a reference in the place of every recipe, which fields mark by their title."""
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict) and inner.get("title") == RECIPE:
            for word in inner.keys() - {"description"}:
                del inner[word]
            inner["$ref"] = f"#/components/schemas/{RECIPE}"
        elif isinstance(inner, dict | list):
            refer(inner)


def reference_to(estimator: str) -> str:
    """Return where the schema of an estimator's recipe stands."""
    return f"#/components/schemas/Estimator_{estimator}"


def recipe_schema(estimator: Estimator) -> Document:
    """Return the schema of a recipe of one estimator."""
    properties: Document = {
        "name": {"type": "string", "const": estimator.name},
        "parameters": estimator.parameters_schema(),
        "base": {"type": "null"},
        "scaling": {"enum": [*SCALINGS, None], "description": "What is done to the features first"},
        "pca": PCA.schema(),
    }
    if estimator.bases:
        properties["base"] = {
            "anyOf": [
                *({"$ref": reference_to(name)} for name in estimator.bases),
                {"type": "null"},
            ],
            "description": "What the ensemble is made of; scikit-learn's own choice by default",
        }
    return {
        "type": "object",
        "description": estimator.summary,
        "properties": properties,
        "required": ["name"],
        "additionalProperties": False,
    }
