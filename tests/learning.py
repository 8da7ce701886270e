"""A learner and its turns as files and records alone: no worker took them."""

from dataclasses import replace

import numpy as np

from service.acquisition import REGISTRY
from service.files import predictions_name, ranking_name
from service.functions import Function
from service.operations import jobs, learners, pools, turns
from service.operations.learners import NewLearner
from service.ranking import bitmap_of, descending
from service.records import Job, Learner, Model, Ranking, Turn, new_id
from service.schemas.estimators import recipe_of
from service.schemas.functions import function_of

CLASSES = ("ant", "bee", "cat")


def asked(pool, **said):
    """What a client asks for, with a function and an estimator unless they are said."""
    wanted = {
        "function": function_of({"name": "margin"}, 4),
        "cold_start": function_of({"name": "random"}, 4),
        "recipe": recipe_of({"name": "naive_bayes"}, ("naive_bayes",)),
        "batch": 3,
        "folds": 0,
        "seed": 0,
    }
    return NewLearner(pool=pool, **{**wanted, **said})


def learner_of(backend, pool, **said):
    """Make a learner; return it, as its first turn waits."""
    return learners.create(backend, asked(pool, **said))


def model_of(backend, pool_id, probs, classes=CLASSES):
    """Make a model, with what it says of a pool's items kept; return its id."""
    pool, id, start = pools.get(backend, pool_id), new_id(), 0
    backend.storage.add(
        Model(id=id, format="skops", bytes=1, classes=classes, item_values=2, probabilities=True)
    )
    for part in pool.parts:
        path = backend.files.path(predictions_name(id, part.id))
        path.mkdir(parents=True)
        np.save(path / "probs.npy", probs[start : start + part.rows])
        start += part.rows
    return id


def ranking_of(backend, pool_id, scores, model=None, *, function="margin", batch=None):
    """Make a ranking of all items of a pool, or of the `batch` best as if they were selected for
    that; return its id."""
    pool, id = pools.get(backend, pool_id), new_id()
    scores, entry = np.asarray(scores, dtype=np.float64), REGISTRY[function]
    order = descending(scores)
    arrays = {"scores": scores, "order": order, "order_ascending": order[::-1]}
    if batch is not None:
        chosen = order[:batch]
        unranked = ~bitmap_of(chosen.astype(np.int64), pool.total)
        arrays = {"scores": scores[chosen], "order": chosen, "order_ascending": chosen[::-1]}
        arrays["unranked"] = unranked
    path = backend.files.path(ranking_name(id))
    path.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    backend.storage.add(
        Ranking(
            id=id,
            job=new_id(),
            pool=pool.id,
            parts=tuple(part.id for part in pool.parts),
            total=pool.total,
            ranked=len(arrays["order"]),
            form=entry.kind,
            purpose=entry.purpose,
            function=Function(
                function, {each.name: each.default for each in entry.parameters}
            ).document(),
            source={} if model is None else {"model": model},
            batch=None if batch is None else {"n": batch},
            raw_name=entry.raw_name,
            raw_direction=entry.raw_direction,
            summary={},
            versions={},
            submitted_at="2026",
            started_at="2026",
        )
    )
    return id


def turn_of(backend, learner, ranking, model=None, **said):
    """Return a turn that a learner's last job has taken."""
    learner = backend.storage.get(Learner, learner.id)
    given = {
        "number": learner.asked,
        "job": learner.job,
        "items": pools.get(backend, learner.pool).total,
        "labels": 2,
        "classes": 2,
        "class_counts": (("ant", 1), ("bee", 1)),
        "ranking": ranking,
        "model": model,
    }
    return Turn(**{**given, **said})


def take_turn(backend, learner, scores, probs=None, **said):
    """Enter a turn for a learner, with a ranking and a model that says some probabilities; return
    the learner as it then is."""
    model = None if probs is None else model_of(backend, learner.pool, probs)
    ranking = ranking_of(backend, learner.pool, scores, model, **said)
    current = backend.storage.get(Learner, learner.id)
    if current.turn is not None and current.turn.number == current.asked:
        number = current.asked + 1
        backend.storage.replace(current, replace(current, asked=number, job=new_id()))
    job = backend.storage.get(Job, current.job)
    if job is not None:
        jobs.claim(backend, job.id, job.ticket)
    assert turns.enter(backend, learner.id, turn_of(backend, learner, ranking, model))
    return backend.storage.get(Learner, learner.id)
