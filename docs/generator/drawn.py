"""How each function is asked for in its picture and its example."""

from typing import Any

from docs.generator.plane import Plane
from service.acquisition import REGISTRY
from service.functions import Function
from service.schemas.functions import DEEPEST, function_of

FAR = 20.0
"""The plane is seen from above under small angles: likeness has to fall fast."""

SAID: dict[str, dict[str, Any]] = {
    "contrastive": {"k": 5},
    "cost_margin": {"costs": [[0, 1, 1], [1, 0, 1], [5, 5, 0]]},
    "expected_cost": {"costs": [[0, 1, 1], [1, 0, 1], [5, 5, 0]]},
    "gibbs": {"beta": 6},
    "group_cap": {"column": "city"},
    "image_diversity": {"clusters": 4},
    "k_means": {},
    "max_herding": {"gamma": FAR},
    "mutually_unique": {"threshold": 0.01},
    "per_cost": {"column": "cost"},
    "per_object": {"aggregation": "max"},
    "power": {"beta": 3},
    "prob_cover": {"delta": 0.2},
    "singularity": {"threshold": 0.0005},
}
"""Parameters that the plane needs others of than an embedding, or that must be given."""

OF: dict[str, list[dict[str, Any]]] = {
    "gibbs": [{"name": "margin"}],
    "per_cost": [{"name": "margin"}],
    "per_object": [{"name": "margin"}],
    "power": [{"name": "margin"}],
    "soft_rank": [{"name": "margin"}],
    "weighted_product": [{"name": "margin"}, {"name": "density"}],
    "weighted_sum": [{"name": "margin"}, {"name": "distance_to_labelled"}],
}


def asked(plane: Plane, name: str) -> dict[str, Any]:
    """Return a function as a client may ask for it."""
    entry = REGISTRY[name]
    ids = {
        "items": [plane.ids[row] for row in plane.given],
        "targets": [plane.ids[row] for row in plane.targets],
        "cardinality": 1.5,
    }
    named = {p.name: ids[p.name] for p in entry.parameters if p.name in ids}
    said = {**named, **SAID.get(name, {})}
    answer: dict[str, Any] = {"name": name}
    if said:
        answer["parameters"] = said
    if name in OF:
        answer["of"] = OF[name]
    return answer


def function(plane: Plane, name: str) -> Function:
    """Return that function with every parameter filled in."""
    return function_of(asked(plane, name), DEEPEST)
