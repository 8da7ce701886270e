"""create_app(): the composition root of the HTTP face."""

import os
from collections.abc import Callable
from typing import Any

from flask import Flask

from service.api import (
    access,
    acquisitions,
    documentation,
    estimators,
    exclusions,
    guard,
    health,
    jobs,
    labels,
    learner_predictions,
    learners,
    leases,
    models,
    pools,
    predictions,
    problems,
    rankings,
    scorings,
    simulations,
    trainings,
)
from service.api.blueprint import EXTENSION
from service.api.slots import slots
from service.backend import Backend, open_backend
from service.settings import Settings

RESOURCES = (
    acquisitions,
    estimators,
    pools,
    predictions,
    labels,
    exclusions,
    models,
    scorings,
    trainings,
    learners,
    learner_predictions,
    simulations,
    jobs,
    rankings,
    leases,
    health,
)


class App(Flask):
    """A Flask app of which no function is a coroutine, so that none need be looked at for that."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that Flask is about to call, as it is."""
        return func


def create_app(
    settings: Settings | None = None,
    backend: Backend | None = None,
    is_draining: Callable[[], bool] = lambda: False,
) -> Flask:
    """Return the app on a backend; by default the one that the environment describes.

    `is_draining` says whether the process is about to stop.
    """
    opened = backend or open_backend(settings or Settings.from_environment(os.environ))
    app = App("service", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = opened
    app.extensions[health.DRAINING] = is_draining
    app.extensions.update(slots(opened.settings))
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint)
    documentation.register(app)
    guard.register(app)
    access.register(app)
    problems.register(app)
    return app
